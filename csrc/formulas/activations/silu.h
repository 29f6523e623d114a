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
        return relu_minus(x, ratio_by_one_plus<T>({product, product_lo}, t, one));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        using L = Lift<T>;
        // At -|x| it is t * upper * (1 - |x| * upper), and the derivatives at x and -x add up to 1.
        using L = Lift<T>;
        constexpr T one = T(1);
        Scaled<T> e = exp_minus_absolute(x);
        Pair<T> upper = unevaluated(ratio_by_one_plus<T>({one, T(0)}, e.hi * (e.scale * L::down), one));
        T minus = -bounded_absolute(x, -L::lowest);
        T bracket = fma(minus, upper.hi, one);
        T bracket_lo = fma(minus, upper.lo, fma(minus, upper.hi, one - bracket));
        T lower = e.hi * upper.hi;
        T lower_lo = fma(e.hi, upper.lo, fma(e.lo, upper.hi, fma(e.hi, upper.hi, -lower)));
        T product = fma(lower, bracket, fma(lower, bracket_lo, lower_lo * bracket));
        T below = product * e.scale * L::down;
        return dy * unless_nan(x, x < T(0) ? below : one - below);
    }
};

NPFUSE_FORMULAS_END
