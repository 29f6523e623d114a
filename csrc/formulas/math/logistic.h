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

// The logistic function of x, given t = exp(-|x|) * Lift::up: of -|x| it is t / (1 + t), of |x| 1 / (1 + t).
template <class T>
NPFUSE_FORMULA T sigmoid_of(T x, Pair<T> t) {
    bool negative = x < T(0);
    Pair<T> numerator = {negative ? t.hi : Lift<T>::up, negative ? t.lo : T(0)};
    return unless_nan(x, rounded(ratio_by_one_plus(numerator, t.hi, Lift<T>::up)));
}

// <= 1 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T sigmoid(T x) {
    using L = Lift<T>;
    return sigmoid_of(x, exp_lifted(-bounded_absolute(x, -L::lowest), L::bits));
}

// sigmoid(x) * sigmoid(-x) * factor, for a power of two. <= 1 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T logistic_density(T x, T factor) {
    Scaled<T> e = exp_minus_absolute(x);
    Pair<T> upper = inverse_of_one_plus(e.hi * (e.scale * Lift<T>::down));
    Pair<T> lower = two_product(e.hi, upper.hi);
    T rest = fma(upper.hi, fma(e.lo, upper.hi, lower.lo), T(2) * lower.hi * upper.lo);
    return unless_nan(x, fma(lower.hi, upper.hi, rest) * (e.scale * factor) * Lift<T>::down);
}

// tanh(|x|); for NaN, something finite.
template <class T>
NPFUSE_FORMULA Ratio<T> tanh_ratio(T x) {
    constexpr T saturated = T(sizeof(T) == 4 ? 10 : 20);
    // -u / (2 + u), where u = exp(-2|x|) - 1
    T a = bounded_absolute(x, saturated);
    Reduced<T> reduced = reduce_exp(-(a + a), T(0), T(0));
    Pair<T> u = expm1_of(growth_pair(reduced), reduced.scale);
    u.lo += reduced.scale - ((reduced.scale - T(1)) + T(1));  // what the difference lost of a small power
    T inverse = T(1) / (T(2) + u.hi);
    T y = -u.hi * inverse;
    // -u - 2y is exact, so that the divisor's own rounding error need not be known.
    T rest = fma(-y, u.hi, fma(T(-2), y, -u.hi));
    return {y, rest - fma(y, u.lo, u.lo), inverse};
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T tanh(T x) {
    T y = with_sign(rounded(tanh_ratio(x)), x);
    // Here x is the nearer number, and the quotient may miss it by one; and NaN stays NaN.
    return absolute(x) >= T(sizeof(T) == 4 ? 0x1p-13 : 0x1p-27) ? y : x;
}

NPFUSE_FORMULAS_END
