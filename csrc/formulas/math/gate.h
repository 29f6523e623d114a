// What silu, gelu and their kin share: x times a probability.
#pragma once

#include "parts.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// x times the probability that belongs to x, given |x| times the one that belongs to -|x|; NaN if x is.
template <class T>
NPFUSE_FORMULA T opened(T x, Ratio<T> held_back) {
    return x < T(0) ? -rounded(held_back) : x - rounded(held_back);
}

// x * sigmoid(z) for a z of x's sign, given t = exp(-|z|) * Lift::up and |x|, at most where the gate is shut; <= 1 ULP.
template <class T>
NPFUSE_FORMULA T half_open(T x, T distance, Pair<T> t) {
    T product = distance * t.hi;
    T product_lo = fma(distance, t.lo, fma(distance, t.hi, -product));
    return opened(x, ratio_by_one_plus<T>({product, product_lo}, t.hi, Lift<T>::up));
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
