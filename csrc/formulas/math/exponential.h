// exp and expm1.
//
// exp is kept as an unevaluated pair and a power of two until the last operation, so that a result is rounded
// once, a subnormal one too.
#pragma once

#include "coefficients.h"
#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

// (hi + lo) * scale, where scale is a power of two.
template <class T>
struct Scaled {
    T hi, lo, scale;
};

// Where exp(x) is subnormal or nearly infinite, exp(x) * 2^bits or exp(x) * 2^-bits is neither. x * exp(x) is 0 long
// before `lowest`, where the power of two of exp(x) * 2^bits comes out as 0, too; above `highest` exp(x) is infinite.
template <class T>
struct ExpScale;

template <>
struct ExpScale<float> {
    static constexpr float bits = 64;
    static constexpr float up = 0x1p64f, down = 0x1p-64f;
    static constexpr float lowest = -132.4f, highest = 89;
};

template <>
struct ExpScale<double> {
    static constexpr double bits = 512;
    static constexpr double up = 0x1p512, down = 0x1p-512;
    static constexpr double lowest = -1064, highest = 710;
};

// x * ExpScale::up where neither is subnormal, zero or infinite: an addition to the exponent, quicker than a
// multiplication.
template <class T>
NPFUSE_FORMULA T scaled_up(T x) {
    using Bits = typename Format<T>::Bits;
    return from_bits<T>(to_bits(x) + (Bits(ExpScale<T>::bits) << Format<T>::fraction_bits));
}

// x + x_lo = k * ln(2) + r_hi + r_lo, |r_hi| <= ln(2)/2; scale is 2^(k + lift).
template <class T>
struct Reduced {
    T r_hi, r_lo, scale, k;
};

template <class T>
NPFUSE_FORMULA Reduced<T> reduce_exp(T x, T x_lo, T lift) {
    using F = Format<T>;
    using C = Constants<T>;
    // The last bits of `rounded` are the biased exponent of the power of two.
    T round = F::round + T(F::exponent_bias) + lift;
    T rounded = fma(x, C::log2_e, round);
    T scale = from_bits<T>(to_bits(rounded) << F::fraction_bits);
    T k = rounded - round;
    T r_hi = fma(-k, C::ln2, x);  // exact
    return {r_hi, fma(-k, C::ln2_lo, x_lo), scale, k};
}

// exp(r) = 1 + r + r^2 * exp_tail(r) in [0.7, 1.42], |r| <= ln(2)/2. Relative error 2^-25.9 (float), 2^-54.9 (double).
template <class T>
NPFUSE_FORMULA Pair<T> exp_pair(T r) {
    Pair<T> sum = fast_two_sum(T(1), r);
    return fast_two_sum(sum.hi, fma(times(r, r), exp_tail(r), sum.lo));
}

// exp(r) - 1 of a reduced argument. Relative error 2^-26.5 (float), 2^-55.5 (double).
template <class T>
NPFUSE_FORMULA Pair<T> growth_pair(Reduced<T> reduced) {
    T r = reduced.r_hi + reduced.r_lo;
    return fast_two_sum(reduced.r_hi, fma(times(r, r), expm1_tail(r), reduced.r_lo));
}

// exp(x) * 2^lift for a result in the range of normal numbers. Relative error of hi + lo as above.
template <class T>
NPFUSE_FORMULA Scaled<T> exp_scaled(T x, T lift) {
    Reduced<T> reduced = reduce_exp(x, T(0), lift);
    Pair<T> e = exp_pair(fma(-reduced.k, Constants<T>::ln2_lo, reduced.r_hi));
    return {e.hi, e.lo, reduced.scale};
}

// The same of x.hi + x.lo. Relative error 2^-27.5 (float), 2^-56 (double).
template <class T>
NPFUSE_FORMULA Scaled<T> exp_scaled(Pair<T> x, T lift) {
    Reduced<T> reduced = reduce_exp(x.hi, x.lo, lift);
    Pair<T> r = fast_two_sum(reduced.r_hi, reduced.r_lo);
    Pair<T> e = exp_pair(r.hi);
    return {e.hi, fma(e.hi, r.lo, e.lo), reduced.scale};
}

// The same in one piece.
template <class T>
NPFUSE_FORMULA Pair<T> exp_scaled_up_precisely(Pair<T> x, T lift) {
    Reduced<T> reduced = reduce_exp(x.hi, x.lo, lift);
    Pair<T> growth = growth_pair(reduced);
    T hi = fma(reduced.scale, growth.hi, reduced.scale);
    return {hi, fma(reduced.scale, growth.lo, fma(reduced.scale, growth.hi, reduced.scale - hi))};
}

// The same in fewer operations. Relative error 2^-25.1 (float), 2^-54.1 (double).
template <class T>
NPFUSE_FORMULA Pair<T> exp_scaled_up(Pair<T> x, T lift) {
    Reduced<T> reduced = reduce_exp(x.hi, x.lo, lift);
    T r = reduced.r_hi + reduced.r_lo;
    T growth = reduced.r_hi + fma(times(r, r), expm1_tail(r), reduced.r_lo);
    T hi = fma(reduced.scale, growth, reduced.scale);
    return {hi, fma(reduced.scale, growth, reduced.scale - hi)};
}
template <class T>
NPFUSE_FORMULA Pair<T> exp_scaled_up(T x, T lift) {
    return exp_scaled_up<T>({x, T(-0.0)}, lift);
}

// exp(x) - 1 for x <= 0, given 2^k. Relative error 2^-26.5 (float), 2^-55.5 (double), or twice that of -1.
template <class T>
NPFUSE_FORMULA Pair<T> expm1_of(Pair<T> growth, T power) {
    T base = power - T(1);
    T hi = fma(power, growth.hi, base);
    return {hi, fma(power, growth.lo, fma(power, growth.hi, base - hi))};
}

// <= 0.9 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T exp(T x) {
    using L = ExpScale<T>;
    T lift = x < T(0) ? L::bits : -L::bits;
    T drop = x < T(0) ? L::down : L::up;
    Scaled<T> e = exp_scaled(clamp_max(clamp_min(x, L::lowest), L::highest), lift);
    return times((e.hi + e.lo) * e.scale, drop);
}

// <= 1.4 ULP, all x.
template <class T>
NPFUSE_FORMULA T expm1(T x) {
    using L = ExpScale<T>;
    constexpr T minus_one = T(sizeof(T) == 4 ? -20 : -40);  // expm1 is -1 from here down
    // Above 1 the power of two is kept one below its own, so that exp does not overflow too early.
    T lift = x < T(1) ? T(0) : T(-1);
    T one = x < T(1) ? T(1) : T(0.5);
    Reduced<T> reduced = reduce_exp(clamp_max(clamp_min(x, minus_one), L::highest), T(0), lift);
    Pair<T> rise = growth_pair(reduced);
    Pair<T> base = two_sum(reduced.scale, -one);
    T hi = fma(reduced.scale, rise.hi, base.hi);
    T lo = fma(reduced.scale, rise.lo, fma(reduced.scale, rise.hi, base.hi - hi)) + base.lo;
    T result = (hi + lo) * (T(1) / one);
    return x == T(0) ? x : result;
}

NPFUSE_FORMULAS_END
