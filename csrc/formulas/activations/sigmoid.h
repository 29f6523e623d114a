#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Sigmoid {
    static constexpr const char* name = "sigmoid";
    static constexpr Description description = {
        .summary = "Logistic sigmoid.",
        .formula = "1 / (1 + exp(-x))",
        .derivative = "sigmoid(x) * (1 - sigmoid(x))",
        .accuracy = "",
        .notes = "",
        .source = "",
        .example = ">>> nf.sigmoid(0.0)\n0.5",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return T(1) / (T(1) + exp(-x));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        T y = forward(x);
        return dy * y * (T(1) - y);
    }
};

NPFUSE_FORMULAS_END
