#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Gelu {
    static constexpr const char* name = "gelu";
    static constexpr Description description = {
        .summary = "Gaussian error linear unit, in its exact form.",
        .formula = "x * (1 + erf(x / sqrt(2))) / 2",
        .derivative = "(1 + erf(x / sqrt(2))) / 2 + x * exp(-x**2 / 2) / sqrt(2 * pi)",
        .accuracy = "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero near "
                    "x = -0.75; subnormal results within one step",
        .notes = "gelu(-inf) is -0, its limit. gelu_tanh is the approximation that some models were trained with.",
        .source = "Hendrycks and Gimpel (2016), Gaussian error linear units.",
        .example = ">>> nf.gelu(np.array([-np.inf, 0.0, 1000.0]))\narray([  -0.,    0., 1000.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        // relu(x) - |x| * P(X < -|x|)
        T a = bounded_absolute(x, Constants<T>::normal_tail_end);
        NormalTail<T> tail = normal_tail<T>({a, T(0)}, two_product(T(-0.5) * a, a));
        T factor = a * tail.density.scale;
        T product = factor * tail.numerator.hi;
        T product_lo = fma(factor, tail.numerator.lo, fma(factor, tail.numerator.hi, -product));
        return relu_minus(x, ratio<T>({product, product_lo}, tail.denominator));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        // At -|x| it is P(X < -|x|) - |x| * density, and the derivatives at x and -x add up to 1.
        T a = bounded_absolute(x, Constants<T>::normal_tail_end);
        NormalTail<T> tail = normal_tail<T>({a, T(0)}, two_product(T(-0.5) * a, a));
        Pair<T> q = unevaluated(ratio(tail.numerator, tail.denominator));
        constexpr T density = Constants<T>::inverse_sqrt_2pi * Lift<T>::down;
        T slope = -a * density;
        T slope_lo = fma(-a, density, -slope);
        T below = fma(slope, tail.density.hi, q.hi) +
                  fma(slope, tail.density.lo, fma(slope_lo, tail.density.hi, q.lo));
        T scaled = below * tail.density.scale;
        return dy * unless_nan(x, x < T(0) ? scaled : T(1) - scaled);
    }
};

NPFUSE_FORMULAS_END
