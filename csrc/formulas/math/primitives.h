// The arithmetic everything else is made of: one fused multiply-add, sums and products with their rounding errors,
// bits, and polynomials.
//
// Every comparison is a ternary whose false branch takes NaN, so that NaN comes through and no instruction set's own
// minimum or maximum decides what happens to it.
#pragma once

#include "../language.h"

NPFUSE_FORMULAS_BEGIN

// The unevaluated sum hi + lo, |lo| small compared with |hi|.
template <class T>
struct Pair {
    T hi, lo;
};

template <class T>
struct Format;

template <>
struct Format<float> {
    using Bits = unsigned int;
    using SignedBits = int;
    static constexpr int fraction_bits = 23;
    static constexpr int exponent_bias = 127;
    static constexpr float round = 0x1.8p23f;  // adding it rounds to an integer
    static constexpr float largest = 0x1.fffffep127f, infinity = __builtin_huge_valf();
};

template <>
struct Format<double> {
    using Bits = unsigned long long;
    using SignedBits = long long;
    static constexpr int fraction_bits = 52;
    static constexpr int exponent_bias = 1023;
    static constexpr double round = 0x1.8p52;
    static constexpr double largest = 0x1.fffffffffffffp1023, infinity = __builtin_huge_val();
};

template <class T>
NPFUSE_FORMULA typename Format<T>::Bits to_bits(T x) {
    return __builtin_bit_cast(typename Format<T>::Bits, x);
}

template <class T>
NPFUSE_FORMULA T from_bits(typename Format<T>::Bits bits) {
    return __builtin_bit_cast(T, bits);
}

template <class T>
NPFUSE_FORMULA T absolute(T x) {
    return from_bits<T>(to_bits(x) & ~to_bits(T(-0.0)));
}

template <class T>
NPFUSE_FORMULA T minus_absolute(T x) {
    return from_bits<T>(to_bits(x) | to_bits(T(-0.0)));
}

// `magnitude` >= 0, or of that sign already, with the sign of `sign`.
template <class T>
NPFUSE_FORMULA T with_sign(T magnitude, T sign) {
    return from_bits<T>(to_bits(magnitude) | (to_bits(sign) & to_bits(T(-0.0))));
}

template <class T>
NPFUSE_FORMULA T clamp_min(T x, T bound) {
    return x < bound ? bound : x;
}

template <class T>
NPFUSE_FORMULA T clamp_max(T x, T bound) {
    return x > bound ? bound : x;
}

// x between -limit and limit; NaN stays NaN.
template <class T>
NPFUSE_FORMULA T clipped(T x, T limit) {
    return clamp_max(clamp_min(x, -limit), limit);
}

// min(x, bound) for x >= 0, and NaN becomes bound too: compared as integers, which takes one quick instruction.
template <class T>
NPFUSE_FORMULA T bounded(T x, T bound) {
    typename Format<T>::Bits magnitude = to_bits(x), limit = to_bits(bound);
    return from_bits<T>(magnitude < limit ? magnitude : limit);
}

template <class T>
NPFUSE_FORMULA T bounded_absolute(T x, T bound) {
    return bounded(absolute(x), bound);
}

// max(|x|, bound), NaN if x is: compared as integers, which takes one quick instruction.
template <class T>
NPFUSE_FORMULA T absolute_clamp_min(T x, T bound) {
    typename Format<T>::Bits magnitude = to_bits(absolute(x)), limit = to_bits(bound);
    return from_bits<T>(magnitude > limit ? magnitude : limit);
}

// Whether x and y are of opposite signs, zeros among them.
template <class T>
NPFUSE_FORMULA bool opposite(T x, T y) {
    return typename Format<T>::SignedBits(to_bits(x) ^ to_bits(y)) < 0;
}

// The result for NaN is that NaN itself, whatever the formula made of it: the same bits on every machine.
template <class T>
NPFUSE_FORMULA T unless_nan(T x, T result) {
    return x == x ? result : x;
}

#if defined(__FMA__) || defined(__aarch64__) || defined(__CUDACC__)

NPFUSE_FORMULA float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
NPFUSE_FORMULA double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }

// a * b, where a factor or the product may be subnormal, or the product underflow: AMD's Zen 5 holds up everything
// behind such a multiplication, but not behind one that adds, too.
template <class T>
NPFUSE_FORMULA T times(T a, T b) {
    return fma(a, b, T(-0.0));
}

#else

template <class T>
NPFUSE_FORMULA T times(T a, T b) {
    return a * b;
}

// The product is exact in double. Rounding twice can differ from rounding once in the last bit, seldom.
NPFUSE_FORMULA float fma(float a, float b, float c) { return float(double(a) * double(b) + double(c)); }

NPFUSE_FORMULA Pair<double> split(double a) {
    double scaled = 0x1.000002p27 * a;
    double hi = scaled - (scaled - a);
    return {hi, a - hi};
}

// Dekker's product and Knuth's sum: exact but for the very last addition, and for operands so large or small that
// the error terms leave the range of double; those that become NaN are dropped. An error of 0 is dropped, too, as it
// would make a sum of -0 positive. A call, as its text in each formula made this instruction set, which few still need,
// the largest of all.
[[gnu::noinline, gnu::const]] inline double fma(double a, double b, double c) {
    Pair<double> x = split(a), y = split(b);
    double product = a * b;
    double product_error = ((x.hi * y.hi - product) + x.hi * y.lo + x.lo * y.hi) + x.lo * y.lo;
    double sum = product + c;
    double part = sum - product;
    double sum_error = (product - (sum - part)) + (c - part);
    double error = product_error + sum_error;
    return (error != 0) & (error - error == 0) ? sum + error : sum;
}

#endif

// For a result whose formula meets inf - inf where x is +inf, as the result is.
template <class T>
NPFUSE_FORMULA T unless_infinite(T x, T result) {
    return x == Format<T>::infinity ? x : result;
}

// a + b exactly, for |a| >= |b| or a = 0 or a a multiple of b's last bit.
template <class T>
NPFUSE_FORMULA Pair<T> fast_two_sum(T a, T b) {
    T sum = a + b;
    return {sum, b - (sum - a)};
}

// a + b exactly.
template <class T>
NPFUSE_FORMULA Pair<T> two_sum(T a, T b) {
    T sum = a + b;
    T part = sum - a;
    return {sum, (a - (sum - part)) + (b - part)};
}

// a * b exactly.
template <class T>
NPFUSE_FORMULA Pair<T> two_product(T a, T b) {
    T product = times(a, b);
    return {product, fma(a, b, -product)};
}

// Polynomials are summed two and four coefficients at a time: a shorter chain of operations that wait for each other.

template <class T>
NPFUSE_FORMULA T estrin_by_pairs(T, T, T c0) {
    return c0;
}

template <class T>
NPFUSE_FORMULA T estrin_by_pairs(T x, T, T c0, T c1) {
    return fma(x, c1, c0);
}

template <class T, class... More>
NPFUSE_FORMULA T estrin_by_pairs(T x, T x2, T c0, T c1, T c2, More... more) {
    return fma(x2, estrin_by_pairs(x, x2, c2, more...), fma(x, c1, c0));
}

template <class T, class... More>
NPFUSE_FORMULA T estrin_by_fours(T x, T x2, T x4, T c0, T c1, T c2, T c3, More... more) {
    T low = estrin_by_pairs(x, x2, c0, c1, c2, c3);
    if constexpr (sizeof...(more) > 4) {
        return fma(x4, estrin_by_fours(x, x2, x4, more...), low);
    } else if constexpr (sizeof...(more) > 0) {
        return fma(x4, estrin_by_pairs(x, x2, more...), low);
    } else {
        return low;
    }
}

// c[0] + c[1] * x + c[2] * x^2 + ...
template <class T, class... More>
NPFUSE_FORMULA T polynomial(T x, More... c) {
    T x2 = times(x, x);
    if constexpr (sizeof...(c) > 6) {
        return estrin_by_fours(x, x2, times(x2, x2), c...);
    } else {
        return estrin_by_pairs(x, x2, c...);
    }
}

NPFUSE_FORMULAS_END
