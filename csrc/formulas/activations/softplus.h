// The smooth rectifier and, by symmetry, the logarithm of the sigmoid.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Softplus {
    static constexpr const char* name = "softplus";
    static constexpr Parameter parameters[] = {{"beta", 1.0, "How sharply it bends; more than 0.", Domain::positive}};
    static constexpr Description description = {
        .summary = "Smooth rectified linear unit.",
        .formula = "log(1 + exp(beta * x)) / beta",
        .derivative = "sigmoid(beta * x)",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes =
            "Exact everywhere, so there is no threshold from which on x itself is returned, as PyTorch has at 20 "
            "by default.",
        .source = "Dugas et al. (2000), Incorporating second-order functional knowledge for better option pricing.",
        .example =
            ">>> nf.softplus(np.array([-np.inf, 0.0, 1000.0]))\n"
            "array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T beta) {
        return softplus(x, beta);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T beta) {
        return times(dy, sigmoid_of_product(beta, x));
    }
};

struct LogSigmoid {
    static constexpr const char* name = "log_sigmoid";
    static constexpr Description description = {
        .summary = "Logarithm of the logistic sigmoid.",
        .formula = "-log(1 + exp(-x))",
        .derivative = "sigmoid(-x)",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes = "-softplus(-x): it keeps its digits where sigmoid(x) has rounded to 1 or underflowed to 0.",
        .source = "PyTorch, torch.nn.LogSigmoid.",
        .example = ">>> nf.log_sigmoid(np.array([-1000.0, 0.0]))\narray([-1.00000000e+03, -6.93147181e-01])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return -softplus(-x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        return times(dy, sigmoid_of_opposite(x));
    }
};

NPFUSE_FORMULAS_END
