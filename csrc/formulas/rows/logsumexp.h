// The logarithm of a sum of exponentials, and its derivative.
#pragma once

#include "softmax.h"

NPFUSE_FORMULAS_BEGIN

struct LogSumExp {
    static constexpr const char* name = "logsumexp";
    static constexpr Description description = {
        .summary = "Logarithm of the sum of exponentials along an axis.",
        .formula = "max(x) + log(sum(exp(x - max(x))))",
        .derivative = "dy * softmax(x)",
        .accuracy =
            "2.5 ULP of the larger of the result and max(x), and less in longer rows, where errors of the terms "
            "even out.",
        .notes =
            "An empty row, and one that is -inf throughout, give -inf; one that holds +inf gives inf, one that\n"
            "holds NaN gives NaN.",
        .source = "Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions.",
        .example = ">>> nf.logsumexp(np.array([1000.0, 1000.0])).item()\n1000.6931471805599",
    };

    struct Forward {
        static constexpr const char* signature = "(n)->()";
        template <class Pass>
        NPFUSE_PASS static void run(Pass& pass) {
            using T = typename Pass::Number;
            const auto x = pass.template input<0>();
            const auto maximum = pass.max(x);
            const auto y = pass.each_row([](T maximum, double excluding_maximum)
                                             NPFUSE_LAMBDA { return log_sum_exp(maximum, excluding_maximum); },
                                         maximum, sum_excluding_maximum(pass, x, maximum));
            // An infinite result is NaN if the row holds any, of which the maximum takes no notice.
            pass.store_number(pass.where(
                [](T y) NPFUSE_LAMBDA { return !(y - y == T(0)); }, y,
                [&](auto& pass) NPFUSE_LAMBDA {
                    const auto nan = pass.sum(map([](T x) NPFUSE_LAMBDA { return x != x ? x : T(0); }, x));
                    return pass.each_row([](T y, double nan) NPFUSE_LAMBDA { return nan == 0 ? y : T(nan); }, y, nan);
                }));
        }
    };

    // dy, one number for the row, times softmax(x)
    struct Backward {
        static constexpr const char* signature = "(),(n)->(n)";
        template <class Pass>
        NPFUSE_PASS static void run(Pass& pass) {
            using T = typename Pass::Number;
            const auto dy = pass.template number<0>();
            const auto x = pass.template input<1>();
            store_softmax(pass, x, [](T y, T dy) NPFUSE_LAMBDA { return dy * y; }, dy);
        }
    };
};

NPFUSE_FORMULAS_END
