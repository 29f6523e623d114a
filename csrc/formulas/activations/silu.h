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
        using L = Lift<T>;
        Scaled<T> t = exp_minus_absolute(x);
        bool negative = x < T(0);
        Pair<T> numerator = {negative ? t.hi : T(1), negative ? t.lo : T(0)};
        T factor = negative ? -bounded_absolute(x, -L::lowest) : x;
        // A negative result stays lifted to the end, a positive one is never lifted, lest it overflow.
        T scale = negative ? t.scale : T(1);
        T drop = negative ? L::down : T(1);
        Quotient<T> sigmoid = quotient_by_one_plus(numerator, lowered(t), T(1));
        return unless_nan(x, fma(factor, sigmoid.hi, factor * sigmoid.rest * sigmoid.inverse) * scale * drop);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        using L = Lift<T>;
        // At -|x| it is t * upper * (1 - |x| * upper), and the derivatives at x and -x add up to 1.
        Scaled<T> t = exp_minus_absolute(x);
        Pair<T> upper = unevaluated(quotient_by_one_plus<T>({T(1), T(0)}, lowered(t), T(1)));
        T magnitude = -bounded_absolute(x, -L::lowest);
        T bracket = fma(magnitude, upper.hi, T(1)) + magnitude * upper.lo;
        T lower = (t.hi + t.lo) * (upper.hi + upper.lo);
        T below = lower * bracket * t.scale * L::down;
        return dy * unless_nan(x, x < T(0) ? below : T(1) - below);
    }
};

NPFUSE_FORMULAS_END
