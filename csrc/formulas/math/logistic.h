// The logistic function, its derivative, and tanh.
#pragma once

#include "exponential.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// exp(-|x|) * Lift::up; for NaN, something finite.
template <class T>
NPFUSE_FORMULA Scaled<T> exp_minus_absolute(T x) {
    using L = Lift<T>;
    return exp_scaled(-bounded_absolute(x, -L::lowest), L::bits);
}

// The logistic function of -|x| is t / (1 + t), of |x| 1 / (1 + t), where t = exp(-|x|).
// <= 0.9 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T sigmoid(T x) {
    constexpr T one = Lift<T>::up;
    Scaled<T> e = exp_minus_absolute(x);
    T t = e.hi * e.scale;
    bool negative = x < T(0);
    T scale = negative ? e.scale : T(0);
    T inverse = T(1) / (one + t);
    T numerator = negative ? t : one;
    T y = numerator * inverse;
    T rest = fma(e.lo, scale, fma(-y, t, fma(-y, one, numerator)));
    return unless_nan(x, fma(rest, inverse, y));
}

// sigmoid(x) * sigmoid(-x) * factor, for a power of two. <= 1 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T logistic_density(T x, T factor) {
    constexpr T one = T(1);
    Scaled<T> e = exp_minus_absolute(x);
    T t = e.hi * (e.scale * Lift<T>::down);
    Pair<T> upper = unevaluated(ratio_by_one_plus<T>({one, T(0)}, t, one));
    Pair<T> lower = two_product(e.hi, upper.hi);
    T rest = fma(upper.hi, fma(e.lo, upper.hi, lower.lo), T(2) * lower.hi * upper.lo);
    return unless_nan(x, fma(lower.hi, upper.hi, rest) * (e.scale * factor) * Lift<T>::down);
}

// tanh(|x|); for NaN, something finite.
template <class T>
NPFUSE_FORMULA Ratio<T> tanh_ratio(T x) {
    constexpr T saturated = T(sizeof(T) == 4 ? 10 : 20);
    constexpr T one = T(1);
    // (1 - t) / (1 + t), where t = exp(-2|x|)
    T a = bounded_absolute(x, saturated);
    Scaled<T> e = exp_scaled_near_one(-(a + a), T(0));
    T t = e.hi * e.scale;
    T hi = one - t;
    T lo = fma(-e.lo, e.scale, (one - hi) - t);
    return ratio_by_one_plus<T>({hi, lo}, t, one);
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T tanh(T x) {
    T y = unless_nan(x, with_sign(rounded(tanh_ratio(x)), x));
    // Here x is the nearer number, and the quotient may miss it by one.
    return absolute(x) < T(sizeof(T) == 4 ? 0x1p-13 : 0x1p-27) ? x : y;
}

NPFUSE_FORMULAS_END
