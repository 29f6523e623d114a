#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Relu {
    static constexpr const char* name = "relu";
    static constexpr Description description = {
        .summary = "Rectified linear unit.",
        .formula = "max(x, 0)",
        .derivative = "1 where x > 0, else 0",
        .accuracy = "exact",
        .notes = "The derivative at 0 is 0, as in PyTorch and oneDNN. NaN stays NaN, forward and backward.",
        .source = "Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.",
        .example = ">>> nf.relu(np.array([-1.0, 0.0, 2.0]))\narray([0., 0., 2.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return x < T(0) ? T(0) : x;
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        T dx = x > T(0) ? dy : T(0);
        return x != x ? x : dx;
    }
};

NPFUSE_FORMULAS_END
