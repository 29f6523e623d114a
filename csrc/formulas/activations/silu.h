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
        // relu(x) - |x| * t / (1 + t), where t = exp(-|x|)
        constexpr T one = Lift<T>::up;
        Scaled<T> e = exp_minus_absolute(x);
        T t = e.hi * e.scale;
        T factor = bounded_absolute(x, -Lift<T>::lowest) * e.scale;
        T product = factor * e.hi;
        T product_lo = fma(factor, e.lo, fma(factor, e.hi, -product));
        return relu_minus(x, quotient_by_one_plus<T>({product, product_lo}, t, one));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        using L = Lift<T>;
        // At -|x| it is t * upper * (1 - |x| * upper), and the derivatives at x and -x add up to 1.
        Scaled<T> e = exp_minus_absolute(x);
        T t = e.hi * (e.scale * L::down);
        Pair<T> upper = unevaluated(quotient_by_one_plus<T>({T(1), T(0)}, t, T(1)));
        T magnitude = -bounded_absolute(x, -L::lowest);
        T bracket = fma(magnitude, upper.hi, T(1)) + magnitude * upper.lo;
        T lower = e.hi * upper.hi + (e.lo * upper.hi + e.hi * upper.lo);
        T below = lower * bracket * e.scale * L::down;
        return dy * unless_nan(x, x < T(0) ? below : T(1) - below);
    }
};

NPFUSE_FORMULAS_END
