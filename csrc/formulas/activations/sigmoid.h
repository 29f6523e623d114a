#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Sigmoid {
    static constexpr const char* name = "sigmoid";
    static constexpr Description description = {
        .summary = "Logistic sigmoid.",
        .formula = "1 / (1 + exp(-x))",
        .derivative = "sigmoid(x) * sigmoid(-x)",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes =
            "sigmoid(-inf) is 0, sigmoid(inf) is 1. The derivative is taken at x, not from the output: it keeps "
            "its digits where sigmoid(x) has rounded to 1.",
        .source = "Verhulst (1845), Recherches mathematiques sur la loi d'accroissement de la population.",
        .example = ">>> nf.sigmoid(np.array([-1000.0, 0.0, 1000.0]))\narray([0. , 0.5, 1. ])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return sigmoid(x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        return times(dy, logistic_density(x, T(1)));
    }
};

NPFUSE_FORMULAS_END
