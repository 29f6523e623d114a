// The tail of the normal distribution, and erf and erfc through it.
#pragma once

#include "coefficients.h"
#include "exponential.h"
#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

// For a standard normal X, times Lift::up: its density at a, without the factor 1/sqrt(2 pi), and P(X < -a).
template <class T>
struct NormalTail {
    Pair<T> density, tail;
    T scale;  // belongs to both
};

// 0 <= a <= Constants::normal_tail_end, given -a^2/2 exactly. Relative error of the tail 2^-25.5 (float), 2^-55 (double).
template <class T>
NPFUSE_FORMULA NormalTail<T> normal_tail(Pair<T> a, Pair<T> minus_half_square) {
    using C = Constants<T>;
    constexpr T offset = T(1.25);
    Scaled<T> e = exp_scaled(minus_half_square.hi, Lift<T>::bits, minus_half_square.lo);
    T u = (a.hi - C::normal_tail_centre) / (a.hi + C::normal_tail_centre);
    Pair<T> numerator = fast_two_sum(e.hi, fma(e.hi, normal_tail(u), e.lo));
    // The offset has so few bits that its sum's error comes out exactly in either order.
    T sum = a.hi + offset;
    Pair<T> denominator = {T(2) * sum, T(2) * ((a.hi - (sum - offset)) + a.lo)};
    Pair<T> tail = divide(numerator, denominator);
    return {{e.hi, e.lo}, tail, e.scale};
}

// <= 1 ULP, all x; subnormal results within one step.
template <class T>
NPFUSE_FORMULA T erfc(T x) {
    using C = Constants<T>;
    constexpr T end = T(sizeof(T) == 4 ? 10.1 : 27.3);
    T b = at_most(absolute(x), end);
    T a = b * C::sqrt_2;
    Pair<T> distance = {a, fma(b, C::sqrt_2, -a)};
    NormalTail<T> normal = normal_tail(distance, two_product(-b, b));
    T scale = normal.scale * Lift<T>::down * T(2);
    T hi = normal.tail.hi * scale, lo = normal.tail.lo * scale;
    Pair<T> upper = fast_two_sum(T(2), -hi);
    return x < T(0) ? upper.hi + (upper.lo - lo) : hi + lo;
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T erf(T x) {
    T b = absolute(x);
    T small = fma(b, erf_near_zero(b * b), b);
    T c = T(1) - erfc(b);
    return with_sign(b < T(0.5) ? small : c, x);
}

NPFUSE_FORMULAS_END
