// exp and what is built on it, up to the logistic function and tanh.
//
// exp is kept as an unevaluated pair beside its power of two until the last operation, so that a result is rounded
// once, subnormal ones included, and costs no extra precision.
#pragma once

#include "coefficients.h"
#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

// (hi + lo) * scale
template <class T>
struct Scaled {
    T hi, lo, scale;
};

// Where exp(x) is subnormal or nearly infinite, exp(x) * 2^bits or exp(x) * 2^-bits is neither.
template <class T>
struct Lift;

template <>
struct Lift<float> {
    static constexpr float bits = 64;
    static constexpr float up = 0x1p64f, down = 0x1p-64f;
    static constexpr float lowest = -110, highest = 90;  // x * exp(x) is 0 below, exp(x) infinite above
};

template <>
struct Lift<double> {
    static constexpr double bits = 512;
    static constexpr double up = 0x1p512, down = 0x1p-512;
    static constexpr double lowest = -760, highest = 710;
};

// exp(x + x_lo) * 2^lift for a result in the range of normal numbers; hi in [0.7, 1.42], scale a power of two.
// Relative error of hi + lo 2^-27.5 (float), 2^-56.4 (double).
template <class T>
NPFUSE_FORMULA Scaled<T> exp_scaled(T x, T lift, T x_lo = T(0)) {
    using F = Format<T>;
    using C = Constants<T>;
    // The last bits of `rounded` are the biased exponent of the power of two.
    T round = F::round + T(F::exponent_bias) + lift;
    T rounded = fma(x, C::log2_e, round);
    T scale = from_bits<T>(to_bits(rounded) << F::fraction_bits);
    T k = rounded - round;
    T r_hi = fma(-k, C::ln2_hi, x);  // exact
    Pair<T> r = fast_two_sum(r_hi, fma(-k, C::ln2_lo, x_lo));
    Pair<T> one_plus_r = fast_two_sum(T(1), r.hi);
    T rest = fma(r.hi * r.hi, exp_tail(r.hi), one_plus_r.lo + r.lo);
    Pair<T> result = fast_two_sum(one_plus_r.hi, rest);
    return {result.hi, result.lo, scale};
}

// <= 0.6 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T exp(T x) {
    using L = Lift<T>;
    T lift = x < T(0) ? L::bits : -L::bits;
    T drop = x < T(0) ? L::down : L::up;
    Scaled<T> e = exp_scaled(at_most(at_least(x, L::lowest), L::highest), lift);
    return (e.hi + e.lo) * e.scale * drop;
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T expm1(T x) {
    using L = Lift<T>;
    // Above 1 the exponent is kept one below its own, lest exp overflow before its time.
    T lift = x < T(1) ? T(0) : T(-1);
    T one = x < T(1) ? T(1) : T(0.5);
    Scaled<T> e = exp_scaled(at_most(at_least(x, T(sizeof(T) == 4 ? -20 : -40)), L::highest), lift);
    T hi = fma(e.scale, e.hi, -one);
    Pair<T> y = two_sum(hi, fma(e.scale, e.lo, fma(e.scale, e.hi, -one - hi)));
    T result = (y.hi + y.lo) * (T(1) / one);
    return x == T(0) ? x : result;
}

// (a.hi + a.lo) / (b.hi + b.lo), for normalised b in range: <= 0.01 ULP beyond the pair.
template <class T>
NPFUSE_FORMULA Pair<T> divide(Pair<T> a, Pair<T> b) {
    T inverse = T(1) / b.hi;
    T quotient = a.hi * inverse;
    T rest = fma(-quotient, b.lo, fma(-quotient, b.hi, a.hi) + a.lo);
    return {quotient, rest * inverse};
}

NPFUSE_FORMULAS_END
