// What silu, gelu and their kin share: x times a probability.
#pragma once

#include "parts.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// relu(x) - q, where q is |x| times the probability that belongs to -|x|. NaN if x is.
template <class T>
NPFUSE_FORMULA T relu_minus(T x, Ratio<T> q) {
    Pair<T> y = fast_two_sum(x < T(0) ? T(-0.0) : x, -q.hi);
    // Below 0 y.lo is none, and what mends y.hi may be subnormal: it is rounded with y.hi, not before.
    T mended = fma(-q.rest, q.inverse, x < T(0) ? y.hi : y.lo);
    return unless_infinite(x, (x < T(0) ? T(-0.0) : y.hi) + mended);
}

// -|x|, however far.
template <class T>
NPFUSE_FORMULA Pair<T> minus_distance(Pair<T> x) {
    return {minus_absolute(x.hi), x.hi < T(0) ? x.lo : -x.lo};
}

// x * sigmoid(z) for a gate that is open (1) from z = 40 on and shut (0) where x is below `lowest`, given
// t = exp(-|z|) * Lift::up and x at least lowest; <= 1 ULP.
template <class T>
NPFUSE_FORMULA T half_open(T x, T bounded, T z, Pair<T> t) {
    constexpr T one = Lift<T>::up;
    bool negative = z < T(0);
    T gate = negative ? t.hi : one, gate_lo = negative ? t.lo : T(0);
    T product = bounded * gate;
    T product_lo = fma(bounded, gate_lo, fma(bounded, gate, -product));
    T y = rounded(ratio_by_one_plus<T>({product, product_lo}, t.hi, one));
    return z <= T(40) ? with_sign(y, x) : x;  // the sign: the remainder of -0 is 0
}

// x * sigmoid(z), <= 1 ULP.
template <class T>
NPFUSE_FORMULA T gated(T x, Pair<T> z) {
    T factor = z.hi < least_exponent<T> ? with_sign(T(0), x) : finite(x);
    Parts<T> gate = sigmoid_parts(z);
    // The mantissa may exceed 1, and x be the largest number: halved, it overflows no more.
    T half = gate.k < T(0) ? T(0.5) : T(1);
    T y = fma(factor, gate.hi * half, factor * (gate.lo * half));
    T result = times_power_of_two(y, gate.k < T(0) ? gate.k + T(1) : gate.k);
    T opened = z.hi < T(0) ? result : x;  // what a gate that is not shut lets through of an infinite x
    return unless_nan(z.hi, absolute(x) == Format<T>::infinity ? opened : result);
}

// d/dx of x * sigmoid(z), where minus_growth is -|x * dz/dx|: sigmoid(z) * (1 + x * dz/dx * sigmoid(-z)).
// <= 2 ULP, or 2^-24 (2^-53) where it crosses zero.
template <class T>
NPFUSE_FORMULA T gate_slope(Pair<T> z, Pair<T> minus_growth) {
    // At -|z| it is t * upper * (1 - |growth| * upper), and the derivatives at x and -x add up to 1.
    using L = Lift<T>;
    constexpr T one = T(1);
    Pair<T> exponent = minus_absolute(z, -L::lowest);
    Reduced<T> reduced = reduce_exp(exponent.hi, exponent.lo, L::bits);
    Pair<T> t = exp_pair(reduced.r_hi + reduced.r_lo);
    Pair<T> upper = inverse_of_one_plus(t.hi * (reduced.scale * L::down));
    T bracket = fma(minus_growth.hi, upper.hi, one);
    T bracket_lo = fma(minus_growth.hi, upper.hi, one - bracket);
    bracket_lo = fma(minus_growth.lo, upper.hi, fma(minus_growth.hi, upper.lo, bracket_lo));
    T lower = t.hi * upper.hi;
    T lower_lo = fma(t.hi, upper.lo, fma(t.lo, upper.hi, fma(t.hi, upper.hi, -lower)));
    T product = fma(lower, bracket, fma(lower, bracket_lo, lower_lo * bracket));
    T below = product * reduced.scale * L::down;
    return unless_nan(z.hi, z.hi < T(0) ? below : one - below);
}

NPFUSE_FORMULAS_END
