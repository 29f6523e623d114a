// exp and the logistic function of an argument in two parts, for formulas whose parameters scale it: beta * x is not
// exact, and exp turns an absolute error into a relative one.
//
// The power of two is kept as its exponent: a factor in front may be so large that a result is an ordinary number
// although exp has underflowed twice over.
#pragma once

#include "exponential.h"
#include "logistic.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// Here the power of two of exp(x), as the product of two, comes out as 0. Just above exp(x) is 0 as well multiplied by
// up to 1e31 (1e307).
template <class T>
constexpr T least_exponent = T(sizeof(T) == 4 ? -175.3 : -1417.4);

// x * 2^k, rounded once, for integers k <= 0 that exp can yield.
template <class T>
NPFUSE_FORMULA T times_power_of_two(T x, T k) {
    using F = Format<T>;
    constexpr T round = F::round + T(F::exponent_bias);
    // Half of k at a time: 2^k itself may be no normal number.
    T half = fma(k, T(0.5), round);
    T other = (k - (half - round)) + round;
    return times(times(x, from_bits<T>(to_bits(half) << F::fraction_bits)),
                 from_bits<T>(to_bits(other) << F::fraction_bits));
}

// (hi + lo) * 2^k
template <class T>
struct Parts {
    T hi, lo, k;
};

// 2^k, or something as negligible compared with 1.
template <class T>
NPFUSE_FORMULA T power_clear_of_one(T k) {
    using F = Format<T>;
    constexpr T least = T(-2 * F::fraction_bits);
    return from_bits<T>(to_bits(clamp_min(k, least) + (F::round + T(F::exponent_bias))) << F::fraction_bits);
}

// exp(x.hi + x.lo) for least_exponent <= x.hi <= 0; hi in [0.7, 1.42]. Relative error 2^-25.9 (float), 2^-54.9
// (double).
template <class T>
NPFUSE_FORMULA Parts<T> exp_parts(Pair<T> x) {
    Reduced<T> reduced = reduce_exp(x.hi, x.lo, T(0));
    Pair<T> e = exp_pair(reduced.r_hi + reduced.r_lo);
    return {e.hi, e.lo, reduced.k};
}

template <class T>
NPFUSE_FORMULA T finite(T x) {
    return clipped(x, Format<T>::largest);
}

// exp(x) - 1 for least_exponent <= x.hi <= 0. Relative error 2^-26.5 (float), 2^-55.5 (double).
template <class T>
NPFUSE_FORMULA Pair<T> expm1_pair(Pair<T> x) {
    Reduced<T> reduced = reduce_exp(x.hi, x.lo, T(0));
    return expm1_of(growth_pair(reduced), power_clear_of_one(reduced.k));
}

// 2^k in two factors, both normal numbers, for integers k <= 0 that exp can yield; upper alone suffices where 1 is
// added.
template <class T>
struct PowerOfTwo {
    T upper, lower;

    NPFUSE_FORMULA explicit PowerOfTwo(T k) {
        using F = Format<T>;
        constexpr T round = F::round + T(F::exponent_bias), least = T(1 - F::exponent_bias);
        T taken = clamp_min(k, least);
        upper = from_bits<T>(to_bits(taken + round) << F::fraction_bits);
        lower = from_bits<T>(to_bits((k - taken) + round) << F::fraction_bits);
    }
};

// |factor * x| in two parts, at most `bound`; for NaN, something finite. 0 times infinity is 0.
template <class T>
NPFUSE_FORMULA Pair<T> distance_of_product(T factor, T x, T bound) {
    T most = factor == T(0) ? Format<T>::largest : Format<T>::infinity;
    Pair<T> product = two_product(absolute(factor), bounded_absolute(x, most));
    return {bounded(product.hi, bound), product.hi < bound ? product.lo : T(0)};
}

// sigmoid(factor * x), <= 1 ULP.
template <class T>
NPFUSE_FORMULA T sigmoid_of_product(T factor, T x) {
    using L = ExpScale<T>;
    Pair<T> z = distance_of_product(factor, x, -L::lowest);
    T below = sigmoid_below_zero(exp_scaled_up<T>({-z.hi, -z.lo}, L::bits));
    return unless_nan(x + factor, opposite(x, factor) ? below : T(1) - below);
}

NPFUSE_FORMULAS_END
