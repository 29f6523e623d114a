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
        .accuracy = "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero near "
                    "x = -1.28; subnormal results within one step",
        .notes = "silu(-inf) is -0, its limit. The same as swish with beta 1.",
        .source = "Elfwing, Uchibe and Doya (2017), Sigmoid-weighted linear units for neural network function "
                  "approximation in reinforcement learning.",
        .example = ">>> nf.silu(np.array([-np.inf, 0.0, 1000.0]))\narray([  -0.,    0., 1000.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        Logistic<T> l = logistic(x);
        bool negative = x < T(0);
        Pair<T> sigmoid = divide({negative ? l.t.hi : T(1), negative ? l.t.lo : T(0)}, l.one_plus_t);
        T bounded = at_least(x, Lift<T>::lowest);
        T y = fma(bounded, sigmoid.hi, bounded * sigmoid.lo);
        return negative ? lower(y, l.t.scale) : y;
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        Logistic<T> l = logistic(x);
        bool negative = x < T(0);
        Pair<T> upper = divide({T(1), T(0)}, l.one_plus_t);
        T bounded = at_most(at_least(x, Lift<T>::lowest), -Lift<T>::lowest);
        T t = (l.t.hi + l.t.lo) * l.t.scale * Lift<T>::down;
        T factor = bounded * (negative ? T(1) : t);
        T bracket = fma(factor, upper.hi, T(1)) + factor * upper.lo;
        T product = (upper.hi + upper.lo) * bracket;
        T dx = negative ? lower(product * (l.t.hi + l.t.lo), l.t.scale) : product;
        return dy * dx;
    }
};

NPFUSE_FORMULAS_END
