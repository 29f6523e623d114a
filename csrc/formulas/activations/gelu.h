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
        T a = at_most(absolute(x), Constants<T>::normal_tail_end);
        NormalTail<T> n = normal_tail<T>({a, T(0)}, two_product(T(-0.5) * a, a));
        T scale = n.scale * Lift<T>::down;
        T product = a * n.tail.hi;
        T product_lo = fma(a, n.tail.lo, fma(a, n.tail.hi, -product));
        // relu(x) - a * P(X < -a)
        Pair<T> y = fast_two_sum(x < T(0) ? T(-0.0) : x, -(product * scale));
        return y.hi + (y.lo - product_lo * scale);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        T a = at_most(absolute(x), Constants<T>::normal_tail_end);
        NormalTail<T> n = normal_tail<T>({a, T(0)}, two_product(T(-0.5) * a, a));
        T slope = -a * Constants<T>::inverse_sqrt_2pi;
        T below = fma(slope, n.density.hi, n.tail.hi) + fma(slope, n.density.lo, n.tail.lo);
        T lowered = lower(below, n.scale);
        return dy * (x < T(0) ? lowered : T(1) - lowered);
    }
};

NPFUSE_FORMULAS_END
