// The logistic function, its derivative, and tanh.
#pragma once

#include "exponential.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// exp(-|x|) * ExpScale::up; for NaN, something finite.
template <class T>
NPFUSE_FORMULA Scaled<T> exp_minus_absolute(T x) {
    using L = ExpScale<T>;
    return exp_scaled(-bounded_absolute(x, -L::lowest), L::bits);
}

// The logistic function of -|x|, given exp(-|x|) * ExpScale::up. At x and -x it adds up to 1.
template <class T>
NPFUSE_FORMULA T sigmoid_below_zero(Pair<T> t) {
    return rounded(ratio_by_one_plus(t, t.hi, ExpScale<T>::up));
}

// The logistic function of |x| or of -|x|; NaN as it is.
template <class T>
NPFUSE_FORMULA T sigmoid_on_side(T x, bool below_zero) {
    using L = ExpScale<T>;
    T below = sigmoid_below_zero(exp_scaled_up(-bounded_absolute(x, -L::lowest), L::bits));
    return unless_nan(x, below_zero ? below : T(1) - below);
}

// <= 1 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T sigmoid(T x) {
    return sigmoid_on_side(x, x < T(0));
}

// sigmoid(-x), without a sign that compilers would give to NaN or not, as they please.
template <class T>
NPFUSE_FORMULA T sigmoid_of_opposite(T x) {
    return sigmoid_on_side(x, x > T(0));
}

// The logistic function of |z|, and that of -|z| times ExpScale::up, given exp(-|z|) times that; each in two parts.
template <class T>
struct LogisticPairs {
    Pair<T> upper, lower;

    NPFUSE_FORMULA explicit LogisticPairs(Pair<T> t) {
        T inverse = T(1) / (ExpScale<T>::up + t.hi);
        upper.hi = scaled_up(inverse);
        upper.lo = times(fma(-inverse, t.hi, T(1) - upper.hi), upper.hi);
        lower.hi = times(t.hi, upper.hi);
        lower.lo = fma(t.hi, upper.lo, fma(t.lo, upper.hi, fma(t.hi, upper.hi, -lower.hi)));
    }
};

// sigmoid(x) * sigmoid(-x) * factor, for a power of two. <= 1 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T logistic_density(T x, T factor) {
    using L = ExpScale<T>;
    LogisticPairs<T> s(exp_scaled_up(-bounded_absolute(x, -L::lowest), L::bits));
    T density = fma(s.lower.hi, s.upper.hi, fma(s.lower.hi, s.upper.lo, times(s.lower.lo, s.upper.hi)));
    return unless_nan(x, times(density, L::down * factor));
}

// Here tanh is 1 to the last digit.
template <class T>
constexpr T tanh_saturated = T(sizeof(T) == 4 ? 10 : 20);

// tanh(|x|); for NaN, something finite.
template <class T>
NPFUSE_FORMULA Ratio<T> tanh_ratio(T x) {
    // -u / (2 + u), where u = exp(-2|x|) - 1
    T a = bounded_absolute(x, tanh_saturated<T>);
    Reduced<T> reduced = reduce_exp(times(T(-2), a), T(0), T(0));
    Pair<T> u = expm1_of(growth_pair(reduced), reduced.scale);
    u.lo += reduced.scale - ((reduced.scale - T(1)) + T(1));  // what the difference lost of a small power
    T inverse = T(1) / (T(2) + u.hi);
    T y = times(-u.hi, inverse);
    // -u - 2y is exact, so that the divisor's own rounding error need not be known.
    T rest = fma(-y, u.hi, fma(T(-2), y, -u.hi));
    return {y, rest - fma(y, u.lo, u.lo), inverse};
}

// 1 + exp(x) for 0 < x < 88 (float), 700 (double), rounded once. What is lost of a term smaller than half the sum's
// unit, 1 beside a large power or the power's own rounding error, is as nothing in 2 over the sum, beside 1.
template <class T>
struct OnePlusExp {
    T sum, scale, growth, r_lo;

    NPFUSE_FORMULA explicit OnePlusExp(T x) {
        Reduced<T> reduced = reduce_exp(x, T(0), T(0));
        scale = reduced.scale;
        r_lo = reduced.r_lo;
        growth = fma(times(reduced.r_hi, reduced.r_hi), exp_tail(reduced.r_hi), reduced.r_hi);
        sum = fma(scale, growth, scale + T(1));
    }

    // What sum has been rounded by, and what it lacks of the reduced argument.
    NPFUSE_FORMULA T rest() const { return fma(sum - T(1), r_lo, fma(scale, growth, (scale + T(1)) - sum)); }
};

// tanh(|x|) for |x| beyond tanh_split; something finite for NaN.
template <class T>
NPFUSE_FORMULA T tanh_beyond_split(T x) {
    T a = bounded_absolute(x, tanh_saturated<T>);
    OnePlusExp<T> s(a + a);
    // 1 - 2 / s, where s - 2 is exact, until s grows so large that 2 is half its unit, a tie: a little less of 2 leaves
    // all as it is but for s that large, from which it takes nothing, and the result is 1.
    constexpr T quarter_unit = T(sizeof(T) == 4 ? 0x1p-26 : 0x1p-55);
    return (s.sum - fma(s.scale, -quarter_unit, T(2))) / s.sum;
}

// tanh(a) - a for a up to tanh_split, as the product of two factors.
template <class T>
NPFUSE_FORMULA Pair<T> tanh_bend(T a) {
    T z = times(a, a);
    return {times(a, z), tanh_tail(z)};
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T tanh(T x) {
    T a = absolute(x);
    Pair<T> bend = tanh_bend(a);
    T near = fma(bend.hi, bend.lo, a);
    return with_sign(a > Constants<T>::tanh_split ? tanh_beyond_split(x) : near, x);
}

NPFUSE_FORMULAS_END
