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
    T number, scaled_up, scaled_up_lo;  // scaled_up_lo is the rounding error of scaled_up

    NPFUSE_FORMULA explicit Decay(T x) {
        using L = ExpScale<T>;
        constexpr T least =
            T(sizeof(T) == 4 ? -131 : -1060);  // the power of two, scaled up, is the least normal number
        // exp doesn't tell numbers below from 0, and subnormal ones would slow it.
        T distance = absolute_clamp_min(x, T(0x1p-60));
        Scaled<T> e = exp_scaled(-distance, L::bits);
        bool vanishes = distance > -least;
        scaled_up = vanishes ? T(0) : times(e.hi, e.scale);
        scaled_up_lo = vanishes ? T(0) : times(e.lo, e.scale);
        number = times(scaled_up, L::down);
    }
};

// log(1 + x) for 0 <= x <= 1, <= 1.1 ULP.
template <class T>
NPFUSE_FORMULA T log1p_of_decay(T x) {
    return fma(times(x, x), log1p_tail(x), x);
}

// x = mantissa * 2^exponent for normal x > 0, sqrt(1/2) <= mantissa < sqrt(2); of zero and whatever else, some numbers.
template <class T>
struct Binary {
    T mantissa, exponent;
    T inverse_power;   // 2^-exponent
    T raised_inverse;  // the same times 2^(ExpScale::bits / 2), so that the largest numbers have one, too

    NPFUSE_FORMULA explicit Binary(T x) {
        using F = Format<T>;
        using Bits = typename F::Bits;
        constexpr Bits one = Bits(F::exponent_bias) << F::fraction_bits;
        constexpr Bits fraction = (Bits(1) << F::fraction_bits) - 1;
        constexpr T integer = T(Bits(1) << F::fraction_bits);  // its last bits count in ones
        const Bits root = to_bits(Constants<T>::sqrt_half);
        Bits shifted = to_bits(x) + (one - root);
        mantissa = from_bits<T>((shifted & fraction) + root);
        exponent = from_bits<T>((shifted >> F::fraction_bits) | to_bits(integer)) - (integer + T(F::exponent_bias));
        inverse_power = from_bits<T>(2 * one - (shifted & ~fraction));
        raised_inverse =
            from_bits<T>(2 * one + (Bits(ExpScale<T>::bits / 2) << F::fraction_bits) - (shifted & ~fraction));
    }
};

// log((1 + f) * 2^k), f = mantissa - 1 known better than the mantissa. <= 1.4 ULP.
template <class T>
NPFUSE_FORMULA T log_of_binary(T f, T mantissa, T k) {
    using C = Constants<T>;
    // log(1 + f) = f - w * (f / 2 - log_tail * w^2), w = 2f / (2 + f): what is rounded is small compared with f.
    T w = times(f + f, T(1) / (mantissa + T(1)));
    T z = times(w, w);
    T near = fma(-w, fma(-z, log_tail(z), times(T(0.5), f)), f);
    return fma(k, C::ln2, near);
}

// log(x / 2^lift) for normal x > 0.
template <class T>
NPFUSE_FORMULA T log_of_scaled_up(T x, T lift) {
    Binary<T> b(x);
    return log_of_binary(b.mantissa - T(1), b.mantissa, b.exponent - lift);
}
template <class T>
NPFUSE_FORMULA T log_of_scaled_up(Pair<T> x, T lift) {
    Binary<T> b(x.hi);
    return log_of_binary(fma(x.lo, b.inverse_power, b.mantissa - T(1)), b.mantissa, b.exponent - lift);
}

// The logarithm of x, where x > 0 and finite: else infinity, -infinity at 0, or what is given for these; NaN below.
template <class T>
NPFUSE_FORMULA T log_or_limit(T x, T logarithm, T at_zero = -Format<T>::infinity, T at_infinity = Format<T>::infinity) {
    constexpr T infinity = Format<T>::infinity;
    T inside = x < infinity ? logarithm : clamp_max(x, at_infinity);
    T outside = x == T(0) ? at_zero : infinity - infinity;
    return x <= T(0) ? outside : inside;
}

// log(x) for x > 0 and finite, subnormal numbers among them; else some number.
template <class T>
NPFUSE_FORMULA T log_of_positive(T x) {
    using L = ExpScale<T>;
    bool small = x < L::down;
    return log_of_scaled_up(small ? x * L::up : x, small ? L::bits : T(0));
}

// log(x) of a number or a pair.
template <class T>
NPFUSE_FORMULA T relaxed_log(T x) {
    return log_or_limit(x, log_of_positive(x));
}
template <class T>
NPFUSE_FORMULA T relaxed_log(Pair<T> x, T at_zero = -Format<T>::infinity, T at_infinity = Format<T>::infinity) {
    using L = ExpScale<T>;
    constexpr T half_down = T(sizeof(T) == 4 ? 0x1p-32 : 0x1p-256);
    bool small = x.hi < L::down;
    T up = small ? L::up : T(1);
    Binary<T> b(x.hi * up);
    T f = fma(x.lo * half_down * up, b.raised_inverse, b.mantissa - T(1));
    T logarithm = log_of_binary(f, b.mantissa, b.exponent - (small ? L::bits : T(0)));
    return log_or_limit(x.hi, logarithm, at_zero, at_infinity);
}

NPFUSE_FORMULAS_END
