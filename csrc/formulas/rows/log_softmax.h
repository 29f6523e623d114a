// The logarithm of softmax and its derivative.
#pragma once

#include "../describe.h"
#include "exponentials.h"

NPFUSE_FORMULAS_BEGIN

struct LogSoftmax {
    static constexpr const char* name = "log_softmax";
    static constexpr Description description = {
        .summary = "Logarithm of the softmax along an axis.",
        .formula = "x - max(x) - log(sum(exp(x - max(x))))",
        .derivative = "dy - exp(y) * sum(dy)",
        .accuracy = "2 ULP, in rows of any length and spread.",
        .notes =
            "The maximum's own term is left out of the sum and log1p taken, so that the result stays exact where\n"
            "one element dominates and SciPy returns 0. -inf gives -inf; a row that is -inf throughout, or holds\n"
            "NaN or +inf, gives NaN throughout.",
        .source = "Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.",
        .example = ">>> nf.log_softmax(np.array([0.0, 50.0]))\narray([-5.00000000e+01, -1.92874985e-22])",
    };

    struct Forward {
        static constexpr const char* signature = "(n)->(n)";
        template <class Pass>
        NPFUSE_PASS static void run(Pass& pass) {
            using T = typename Pass::Number;
            const auto x = pass.template input<0>();
            const auto maximum = pass.max(x);
            const auto log_sum = pass.each_row([](T maximum, double excluding_maximum)
                                                   NPFUSE_LAMBDA { return log_of_row_sum(maximum, excluding_maximum); },
                                               maximum, sum_excluding_maximum(pass, x, maximum));
            // The second difference rounds once more unless the first was exact, as it is where much cancels.
            pass.store(
                map([](T x, Pair<T> log_sum) NPFUSE_LAMBDA { return (x - log_sum.hi) - log_sum.lo; }, x, log_sum));
        }
    };

    // dy - exp(y) * sum(dy)
    struct Backward {
        static constexpr const char* signature = "(n),(n)->(n)";
        static constexpr bool is_cheap = true;
        template <class Pass>
        NPFUSE_PASS static void run(Pass& pass) {
            using T = typename Pass::Number;
            const auto dy = pass.template input<0>();
            const auto y = pass.template input<1>();
            const auto total = pass.sum(dy);
            const auto sum = pass.each_row([](double total) NPFUSE_LAMBDA { return narrowed<T>(total); }, total);
            pass.store(map(Slope(), dy, y, sum));
        }
    };

    struct Slope {
        static constexpr bool is_costly = true;
        template <class T>
        NPFUSE_FORMULA T operator()(T dy, T y, Pair<T> sum) const {
            T probability = exp(y);
            return fma(-probability, sum.lo, fma(-probability, sum.hi, dy));
        }
    };
};

NPFUSE_FORMULAS_END
