// log and log1p.
#pragma once

#include "coefficients.h"
#include "exponential.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// log(x.hi + x.lo) for normal positive x.hi, |x.lo| <= ulp(x.hi). Relative error 2^-28 (float), 2^-57 (double).
template <class T>
NPFUSE_FORMULA Pair<T> log_pair(Pair<T> x) {
    using F = Format<T>;
    using C = Constants<T>;
    using Bits = typename F::Bits;
    constexpr Bits one = Bits(F::exponent_bias) << F::fraction_bits;
    constexpr Bits fraction = (Bits(1) << F::fraction_bits) - 1;
    constexpr T integer = T(Bits(1) << F::fraction_bits);  // its last bits count in ones
    const Bits root = to_bits(C::sqrt_half);

    // x = m * 2^k, sqrt(1/2) <= m < sqrt(2)
    Bits shifted = to_bits(x.hi) + (one - root);
    T m = from_bits<T>((shifted & fraction) + root);
    T k = from_bits<T>((shifted >> F::fraction_bits) | to_bits(integer)) - (integer + T(F::exponent_bias));

    Pair<T> f = fast_two_sum(m - T(1), x.lo * (m / x.hi));
    Pair<T> w = unevaluated(ratio<T>({T(2) * f.hi, T(2) * f.lo}, fast_two_sum(T(2), f.hi)));
    T z = w.hi * w.hi;
    Pair<T> product = two_product(k, C::ln2);
    Pair<T> sum = fast_two_sum(product.hi, w.hi);
    T rest = fma(w.hi * z, log_tail(z), fma(k, C::ln2_lo, product.lo) + (w.lo + sum.lo));
    return {sum.hi, rest};
}

// <= 0.6 ULP, all x >= 0; NaN below.
template <class T>
NPFUSE_FORMULA T log(T x) {
    using L = ExpScale<T>;
    using C = Constants<T>;
    bool small = x < L::down;
    Pair<T> y = log_pair<T>({small ? x * L::up : x, T(0)});
    T scaled_up = small ? L::bits : T(0);
    Pair<T> sum = fast_two_sum(-scaled_up * C::ln2, y.hi);
    T result = sum.hi + (sum.lo + fma(-scaled_up, C::ln2_lo, y.lo));
    constexpr T infinity = Format<T>::infinity;
    result = x < infinity ? result : x;
    result = x == T(0) ? -infinity : result;
    return x < T(0) ? infinity - infinity : result;
}

// <= 0.7 ULP, all x >= -1; NaN below.
template <class T>
NPFUSE_FORMULA T log1p(T x) {
    constexpr T infinity = Format<T>::infinity;
    Pair<T> y = log_pair(two_sum(T(1), x));
    T result = y.hi + y.lo;
    result = x < infinity ? result : x;
    result = x == T(0) ? x : result;
    result = x == T(-1) ? -infinity : result;
    return x < T(-1) ? infinity - infinity : result;
}

NPFUSE_FORMULAS_END
