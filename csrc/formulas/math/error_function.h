// The tail of the normal distribution, and erf and erfc through it.
#pragma once

#include "coefficients.h"
#include "exponential.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// For a standard normal X: P(X < -a) = numerator * density.scale / denominator, and exp(-a^2/2) = density /
// ExpScale::up.
template <class T>
struct NormalTail {
    Scaled<T> density;
    Pair<T> numerator, denominator;
};

// 0 <= a <= Constants::normal_tail_end, given -a^2/2 exactly. Relative error 2^-26 (float), 2^-55 (double).
template <class T>
NPFUSE_FORMULA NormalTail<T> normal_tail(Pair<T> a, Pair<T> minus_half_square) {
    using C = Constants<T>;
    constexpr T slope = C::normal_tail_slope * ExpScale<T>::up, offset = C::normal_tail_offset * ExpScale<T>::up;
    Scaled<T> e = exp_scaled(minus_half_square, ExpScale<T>::bits);
    T p = a.hi / (a.hi + C::normal_tail_centre);
    T u = p - T(0.5);
    // The larger terms are added to each other first: they nearly cancel, or the rest is small.
    T line_through_middle = fma(u, C::normal_tail_tilt, C::normal_tail_middle);
    T factor =
        fma(times(p, u * u), normal_tail_shape(u), fma(p, line_through_middle, C::normal_tail_offset / 2 - T(1)));
    Pair<T> numerator = fast_two_sum(e.hi, fma(e.hi, factor, e.lo));
    // The offset has so few bits that the line's error comes out exactly, whichever term is the larger.
    T line = fma(slope, a.hi, offset);
    return {e, numerator, {line, fma(slope, a.lo, fma(slope, a.hi, offset - line))}};
}

// The same of one number; a division of a subnormal one would take long, and the tail doesn't tell it from the least.
template <class T>
NPFUSE_FORMULA NormalTail<T> normal_tail(T a) {
    T not_tiny = absolute_clamp_min(a, T(sizeof(T) == 4 ? 0x1p-60 : 0x1p-500));
    return normal_tail<T>({not_tiny, T(0)}, two_product(T(-0.5) * not_tiny, not_tiny));
}

// <= 1.3 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T erfc(T x) {
    using C = Constants<T>;
    constexpr T end = T(sizeof(T) == 4 ? 10.1 : 27.3);
    T b = bounded_absolute(x, end);
    T a = b * C::sqrt_2;
    Pair<T> distance = {a, fma(b, C::sqrt_2, fma(b, C::sqrt_2_lo, -a))};
    NormalTail<T> tail = normal_tail(distance, two_product(-b, b));
    T scale = T(2) * tail.density.scale;
    Ratio<T> q = ratio<T>({tail.numerator.hi * scale, tail.numerator.lo * scale}, tail.denominator);
    Pair<T> upper = fast_two_sum(T(2), -q.hi);
    T below_zero = upper.hi + fma(-q.rest, q.inverse, upper.lo);
    return unless_nan(x, x < T(0) ? below_zero : rounded(q));
}

// <= 1.2 ULP, all x.
template <class T>
NPFUSE_FORMULA T erf(T x) {
    T b = absolute(x);
    T small = fma(b, erf_near_zero(b * b), b);
    T c = T(1) - erfc(b);
    return with_sign(b < T(0.5) ? small : c, x);
}

NPFUSE_FORMULAS_END
