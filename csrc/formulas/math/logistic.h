// The logistic function, its derivative, and tanh.
#pragma once

#include "exponential.h"
#include "primitives.h"
#include "quotient.h"

NPFUSE_FORMULAS_BEGIN

// exp(-|x|) * 2^lift; for NaN, something finite.
template <class T>
NPFUSE_FORMULA Scaled<T> exp_minus_absolute(T x) {
    using L = Lift<T>;
    return exp_scaled(-bounded_absolute(x, -L::lowest), L::bits);
}

template <class T>
NPFUSE_FORMULA Scaled<T> lowered(Scaled<T> x) {
    return {x.hi, x.lo, x.scale * Lift<T>::down};
}

// The logistic function of -|x| is t / (1 + t), of |x| 1 / (1 + t), where t = exp(-|x|).
// <= 0.8 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T sigmoid(T x) {
    using L = Lift<T>;
    Scaled<T> t = exp_minus_absolute(x);
    bool negative = x < T(0);
    Pair<T> numerator = {negative ? t.hi : T(1), negative ? t.lo : T(0)};
    T scale = negative ? t.scale : L::up;
    return unless_nan(x, rounded(quotient_by_one_plus(numerator, t, L::up)) * scale);
}

// sigmoid(x) * sigmoid(-x) * factor, for a power of two. <= 1 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T logistic_density(T x, T factor) {
    Scaled<T> t = exp_minus_absolute(x);
    Pair<T> upper = unevaluated(quotient_by_one_plus<T>({T(1), T(0)}, lowered(t), T(1)));
    Pair<T> exponential = fast_two_sum(t.hi, t.lo);
    Pair<T> lower = two_product(exponential.hi, upper.hi);
    T rest = fma(upper.hi, fma(exponential.lo, upper.hi, lower.lo), T(2) * lower.hi * upper.lo);
    return unless_nan(x, fma(lower.hi, upper.hi, rest) * (t.scale * factor) * Lift<T>::down);
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T tanh(T x) {
    constexpr T saturated = T(sizeof(T) == 4 ? 10 : 20);
    // (1 - t) / (1 + t), where t = exp(-2|x|)
    Scaled<T> t = exp_scaled(T(-2) * bounded_absolute(x, saturated), T(0));
    T top = fma(-t.scale, t.hi, T(1));
    T top_lo = fma(-t.scale, t.lo, fma(-t.scale, t.hi, T(1) - top));
    return unless_nan(x, with_sign(rounded(quotient_by_one_plus<T>({top, top_lo}, t, T(1))), x));
}

NPFUSE_FORMULAS_END
