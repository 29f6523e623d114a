// exp and logarithms as losses take them: to 1.5 ULP, for a value that is only summed and a gradient of one or two more
// operations. math.h rounds once, which takes half as much again; the polynomials are the same.
#pragma once

#include "../math.h"
#include "coefficients.h"

NPFUSE_FORMULAS_BEGIN

// exp(-|x|), and the same before the power of two is multiplied in: a weight may bring it back where it has
// underflowed.
template <class T>
struct Decay {
    T number, lifted, lifted_lo;  // lifted_lo is what lifted has been rounded by

    NPFUSE_FORMULA explicit Decay(T x) {
        using L = Lift<T>;
        constexpr T least = T(sizeof(T) == 4 ? -131 : -1060);  // the power of two, lifted, is the least normal number
        Scaled<T> e = exp_scaled(minus_absolute(x), L::bits);
        bool vanishes = minus_absolute(x) < least;
        lifted = vanishes ? T(0) : e.hi * e.scale;
        lifted_lo = vanishes ? T(0) : e.lo * e.scale;
        number = lifted * L::down;
    }
};

// log(1 + x) for 0 <= x <= 1, <= 1.1 ULP.
template <class T>
NPFUSE_FORMULA T log1p_of_decay(T x) {
    return fma(x * x, log1p_tail(x), x);
}

// log((x + x_lo) / 2^lift) for normal x > 0, <= 1.4 ULP; of zero and whatever else, some number.
template <class T>
NPFUSE_FORMULA T quick_log_of_sum(T x, T x_lo, T lift) {
    using C = Constants<T>;
    using F = Format<T>;
    using Bits = typename F::Bits;
    constexpr Bits one = Bits(F::exponent_bias) << F::fraction_bits;
    constexpr Bits fraction = (Bits(1) << F::fraction_bits) - 1;
    constexpr T integer = T(Bits(1) << F::fraction_bits);  // its last bits count in ones
    const Bits root = to_bits(C::sqrt_half);

    // x = m * 2^k, sqrt(1/2) <= m < sqrt(2)
    Bits shifted = to_bits(x) + (one - root);
    T m = from_bits<T>((shifted & fraction) + root);
    T k = from_bits<T>((shifted >> F::fraction_bits) | to_bits(integer)) - (integer + T(F::exponent_bias) + lift);
    T power = from_bits<T>(2 * one - (shifted & ~fraction));

    // log(1 + f) = f - w * (f / 2 - log_tail * w^2), w = 2f / (2 + f): what is rounded is small beside f.
    T f = fma(x_lo, power, m - T(1));
    T w = (f + f) / (m + T(1));
    T z = w * w;
    T near = fma(-w, fma(-z, log_tail(z), T(0.5) * f), f);
    return fma(k, C::ln2, fma(k, C::ln2_lo, near));
}

// log(x.hi + x.lo): -infinity at 0, NaN below; subnormal numbers count as themselves.
template <class T>
NPFUSE_FORMULA T quick_log(Pair<T> x) {
    using L = Lift<T>;
    constexpr T infinity = Format<T>::infinity;
    bool small = x.hi < L::down;
    T up = small ? L::up : T(1);
    T result = quick_log_of_sum(x.hi * up, x.lo * up, small ? L::bits : T(0));
    result = x.hi < infinity ? result : x.hi;
    T outside = x.hi == T(0) ? -infinity : infinity - infinity;
    return x.hi <= T(0) ? outside : result;
}
template <class T>
NPFUSE_FORMULA T quick_log(T x) {
    return quick_log(Pair<T>{x, T(0)});
}

NPFUSE_FORMULAS_END
