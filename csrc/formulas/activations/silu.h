// silu and swish: x let through by a logistic gate.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Silu {
    static constexpr const char* name = "silu";
    static constexpr Description description = {
        .summary = "Sigmoid linear unit.",
        .formula = "x * sigmoid(x)",
        .derivative = "sigmoid(x) * (1 + x * sigmoid(-x))",
        .accuracy =
            "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero near "
            "x = -1.28; subnormal results within one step",
        .notes = "silu(-inf) is -0, its limit. The same as swish with beta 1.",
        .source =
            "Elfwing, Uchibe and Doya (2017), Sigmoid-weighted linear units for neural network function "
            "approximation in reinforcement learning.",
        .example = ">>> nf.silu(np.array([-np.inf, 0.0, 1000.0]))\narray([  -0.,    0., 1000.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        T distance = bounded_absolute(x, -ExpScale<T>::lowest);
        return sigmoid_weighted(x, distance, exp_scaled_up(-distance, ExpScale<T>::bits));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        Pair<T> distance = {bounded_absolute(x, -ExpScale<T>::lowest), T(0)};
        return times(dy, unless_nan(x, gate_slope(x < T(0), distance, distance)));
    }
};

// silu of a scaled argument: x * sigmoid(beta * x).
struct Swish {
    static constexpr const char* name = "swish";
    static constexpr Parameter parameters[] = {{"beta", 1.0, "How steeply the gate opens."}};
    static constexpr Description description = {
        .summary = "Swish: silu with a steepness.",
        .formula = "x * sigmoid(beta * x)",
        .derivative = "sigmoid(beta * x) * (1 + beta * x * sigmoid(-beta * x))",
        .accuracy =
            "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero near "
            "x = -1.28 / beta; subnormal results within one step",
        .notes =
            "Exact in the tails for any beta: the product beta * x is never rounded. With beta 1 it is silu. ONNX "
            "and oneDNN call the steepness alpha; Keras has none.",
        .source = "Ramachandran, Zoph and Le (2017), Searching for activation functions.",
        .example = ">>> nf.swish(np.array([-2.0, 0.0, 2.0]), beta=0.0)\narray([-1.,  0.,  1.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T beta) {
        return gated(x, beta);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T beta) {
        Pair<T> z = distance_of_product(beta, x, -ExpScale<T>::lowest);
        return times(dy, unless_nan(x + beta, gate_slope(opposite(x, beta), z, z)));
    }
};

NPFUSE_FORMULAS_END
