// What silu, gelu and their kin share: x times a probability.
#pragma once

#include "logistic.h"
#include "parts.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// x times the probability that belongs to x, given |x| times the one that belongs to -|x|; NaN if x is.
template <class T>
NPFUSE_FORMULA T weighted_by_complement(T x, Ratio<T> held_back) {
    return x < T(0) ? -rounded(held_back) : x - rounded(held_back);
}

// x * sigmoid(z) for a z of x's sign, given t = exp(-|z|) * ExpScale::up and |x|, at most where the gate is saturated;
// <= 1 ULP.
template <class T>
NPFUSE_FORMULA T sigmoid_weighted(T x, T distance, Pair<T> t) {
    T product = times(distance, t.hi);
    T product_lo = fma(distance, t.lo, fma(distance, t.hi, -product));
    return weighted_by_complement(x, ratio_by_one_plus<T>({product, product_lo}, t.hi, ExpScale<T>::up));
}

// x * sigmoid(beta * x), <= 1 ULP.
template <class T>
NPFUSE_FORMULA T gated(T x, T beta) {
    constexpr T end = -least_exponent<T>;
    Pair<T> z = distance_of_product(beta, x, end);
    Parts<T> t = exp_parts<T>({-z.hi, -z.lo});
    PowerOfTwo<T> power(t.k);
    // t / (1 + t) of half of x, so that the product does not overflow, before the power of two.
    T half = z.hi < end ? times(T(0.5), bounded_absolute(x, Format<T>::largest)) : T(0);
    T product = times(half, t.hi);
    T product_lo = fma(half, t.lo, fma(half, t.hi, -product));
    T quotient = rounded(ratio_by_one_plus<T>({product, product_lo}, times(t.hi, power.upper), T(1)));
    T held_back = times(times(quotient, power.upper + power.upper), power.lower);
    bool below_zero = (z.hi > T(0)) & opposite(x, beta);
    T magnitude = below_zero ? held_back : absolute(x) - held_back;
    return unless_nan(x + beta, with_sign(magnitude, x));
}

// d/dx of x * sigmoid(z), given |z| and |x * dz/dx|: sigmoid(z) * (1 + x * dz/dx * sigmoid(-z)).
// <= 2 ULP, or 2^-24 (2^-53) where it crosses zero.
template <class T>
NPFUSE_FORMULA T gate_slope(bool below_zero, Pair<T> distance, Pair<T> growth) {
    // At -|z| it is lower * (1 - growth * upper), and the derivatives at x and -x add up to 1.
    using L = ExpScale<T>;
    constexpr T one = T(1);
    LogisticPairs<T> s(exp_scaled_up<T>({-distance.hi, -distance.lo}, L::bits));
    T bracket = fma(-growth.hi, s.upper.hi, one);
    T bracket_lo =
        fma(-growth.hi, s.upper.hi, one - bracket) - fma(growth.hi, s.upper.lo, times(growth.lo, s.upper.hi));
    T below = times(fma(s.lower.hi, bracket, fma(s.lower.hi, bracket_lo, times(s.lower.lo, bracket))), L::down);
    return below_zero ? below : one - below;
}

NPFUSE_FORMULAS_END
