// exp and logarithms to 1.5 ULP, for half the work of math.h, whose functions carry pairs to the last rounding. A loss
// can afford the difference: its values are summed, and its gradient has one more operation at most.
#pragma once

#include "../math.h"

NPFUSE_FORMULAS_BEGIN

// exp(x) * 2^lift before its power of two is multiplied in.
template <class T>
struct QuickExp {
    T mantissa, scale;

    NPFUSE_FORMULA QuickExp(T x, T lift) {
        Reduced<T> reduced = reduce_exp(x, T(0), lift);
        T r = fma(-reduced.k, Constants<T>::ln2_lo, reduced.r_hi);
        mantissa = T(1) + fma(r * r, exp_tail(r), r);
        scale = reduced.scale;
    }
};

// exp(-x) for x >= 0.
template <class T>
NPFUSE_FORMULA T quick_decay(T x) {
    using L = Lift<T>;
    QuickExp<T> e(at_least(-x, L::lowest), L::bits);
    return e.mantissa * e.scale * L::down;
}

template <class T>
NPFUSE_FORMULA T quick_exp(T x) {
    using L = Lift<T>;
    bool falls = x < T(0);
    QuickExp<T> e(at_most(at_least(x, L::lowest), L::highest), falls ? L::bits : -L::bits);
    return e.mantissa * e.scale * (falls ? L::down : L::up);
}

// log(m) for m = 1 + numerator, numerator known better than 1 + numerator, denominator m + 1.
template <class T>
NPFUSE_FORMULA T log_near_one(T numerator, T denominator, T addend) {
    T w = T(2) * numerator / denominator;
    T z = w * w;
    return fma(w * z, log_tail(z), addend + w);
}

// log(1 + x) for 0 <= x <= 1.
template <class T>
NPFUSE_FORMULA T quick_log1p_of_decay(T x) {
    constexpr T half_way = T(0x1.a827999fcef32p-2);  // sqrt(2) - 1
    constexpr T log_2 = T(0x1.62e42fefa39efp-1);
    bool large = x > half_way;
    return log_near_one(large ? T(0.5) * x - T(0.5) : x, large ? T(0.5) * x + T(1.5) : x + T(2), large ? log_2 : T(0));
}

// log(x + x_lo) for normal x > 0.
template <class T>
NPFUSE_FORMULA T quick_log_of_sum(T x, T x_lo) {
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
    T k = from_bits<T>((shifted >> F::fraction_bits) | to_bits(integer)) - (integer + T(F::exponent_bias));
    T power = from_bits<T>(2 * one - (shifted & ~fraction));
    T near = log_near_one(fma(x_lo, power, m - T(1)), m + T(1), k * C::ln2_lo);
    return fma(k, C::ln2, near);
}

// -infinity at 0, NaN below; subnormal numbers count as themselves.
template <class T>
NPFUSE_FORMULA T quick_log(T x) {
    using L = Lift<T>;
    constexpr T infinity = Format<T>::infinity;
    constexpr T lift = L::bits * T(0x1.62e42fefa39efp-1);
    bool small = x < L::down;
    T result = quick_log_of_sum(small ? x * L::up : x, T(0)) - (small ? lift : T(0));
    result = x < infinity ? result : x;
    result = x == T(0) ? -infinity : result;
    return x < T(0) ? infinity - infinity : result;
}

// log(1 - x) for x <= 1; -infinity at 1, NaN beyond.
template <class T>
NPFUSE_FORMULA T quick_log_of_complement(T x) {
    constexpr T infinity = Format<T>::infinity;
    Pair<T> complement = two_sum(T(1), -x);
    T result = quick_log_of_sum(complement.hi, complement.lo);
    result = complement.hi < infinity ? result : complement.hi;
    result = x == T(1) ? -infinity : result;
    return x > T(1) ? infinity - infinity : result;
}

NPFUSE_FORMULAS_END
