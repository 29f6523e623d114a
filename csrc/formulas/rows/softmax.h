// Softmax and its derivative.
#pragma once

#include "../describe.h"
#include "exponentials.h"

NPFUSE_FORMULAS_BEGIN

// Stores finish(softmax(x), values...), where each row has the values.
template <class Pass, class Expression, class Finish, class... Values>
NPFUSE_PASS void store_softmax(Pass& pass, const Expression& x, const Finish& finish, const Values&... values) {
    using T = typename Pass::Number;
    const auto maximum = pass.max(x);
    const auto terms = terms_below<RowTerms>(pass, maximum);
    const auto e = pass.keep(map(Term(), x, terms));
    const auto sum = pass.sum(e);
    const auto reciprocal = pass.each_row([](double sum) NPFUSE_LAMBDA { return narrowed<T>(1.0 / sum); }, sum);
    pass.store(map([finish](T e, Pair<T> reciprocal, auto... values)
                       NPFUSE_LAMBDA { return finish(fma(e, reciprocal.hi, times(e, reciprocal.lo)), values...); },
                   e, reciprocal, values...));
}

struct Softmax {
    static constexpr const char* name = "softmax";
    static constexpr Description description = {
        .summary = "Softmax along an axis.",
        .formula = "exp(x - max(x)) / sum(exp(x - max(x)))",
        .derivative = "y * (dy - sum(dy * y))",
        .accuracy =
            "2.5 ULP in float32, for rows of any length and spread; in float64 2 ULP beyond the rounding of the sum.",
        .notes =
            "-inf gives exactly 0, so that it masks; a row that is -inf throughout, or holds NaN or +inf, gives\n"
            "NaN throughout, as in PyTorch and SciPy. The sum is carried in double, in an order that neither the\n"
            "memory layout nor the number of threads changes. SciPy's default axis is the whole array.",
        .source = "Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.",
        .example = ">>> nf.softmax(np.array([0.0, 0.0]))\narray([0.5, 0.5])",
    };

    struct Forward {
        static constexpr const char* signature = "(n)->(n)";
        template <class Pass>
        NPFUSE_PASS static void run(Pass& pass) {
            using T = typename Pass::Number;
            const auto x = pass.template input<0>();
            store_softmax(pass, x, [](T y) NPFUSE_LAMBDA { return y; });
        }
    };

    // y * (dy - sum(dy * y))
    struct Backward {
        static constexpr const char* signature = "(n),(n)->(n)";
        static constexpr bool is_cheap = true;
        template <class Pass>
        NPFUSE_PASS static void run(Pass& pass) {
            using T = typename Pass::Number;
            const auto dy = pass.template input<0>();
            const auto y = pass.template input<1>();
            const auto sum = pass.sum(map([](T dy, T y) NPFUSE_LAMBDA { return times(dy, y); }, dy, y));
            const auto dot = pass.each_row([](double sum) NPFUSE_LAMBDA { return narrowed<T>(sum); }, sum);
            pass.store(
                map([](T dy, T y, Pair<T> dot) NPFUSE_LAMBDA { return y * ((dy - dot.hi) - dot.lo); }, dy, y, dot));
        }
    };
};

NPFUSE_FORMULAS_END
