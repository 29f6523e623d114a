#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Tanh {
    static constexpr const char* name = "tanh";
    static constexpr Description description = {
        .summary = "Hyperbolic tangent.",
        .formula = "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        .derivative = "1 - tanh(x)**2",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes = "The derivative is taken at x, not from the output: it keeps its digits where tanh(x) has rounded "
                 "to 1.",
        .source = "LeCun, Bottou, Orr and Mueller (1998), Efficient BackProp.",
        .example = ">>> nf.tanh(np.array([-1000.0, 0.0, 1000.0]))\narray([-1.,  0.,  1.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return tanh(x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        return dy * logistic_density(T(2) * x, T(4));
    }
};

NPFUSE_FORMULAS_END
