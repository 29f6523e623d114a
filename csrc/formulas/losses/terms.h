// How a loss says its value and its gradient so that neither loses anything on the way into the sum or the array.
#pragma once

#include "../math.h"

NPFUSE_FORMULAS_BEGIN

// What tests/test_losses.py holds every loss to.
inline constexpr const char* accuracy =
    "value 2 * 2**-24 relative to the sum of the terms' magnitudes in float32; gradient 2 ULP, 2.5 with a weight, "
    "around its zeros 2**-24 absolute.";

NPFUSE_FORMULA double wide(float x) { return x; }
NPFUSE_FORMULA double wide(double x) { return x; }

// A value left as the product of two factors: in float neither overflows nor rounds before it reaches the sum.
template <class T>
struct Product {
    T a, b;
};

// A product and what is added to it.
template <class T>
struct ProductSum {
    T a, b, rest;
};

NPFUSE_FORMULA double to_double(float value) { return value; }
NPFUSE_FORMULA double to_double(double value) { return value; }
template <class T>
NPFUSE_FORMULA double to_double(Product<T> value) {
    return wide(value.a) * wide(value.b);
}

template <class T>
NPFUSE_FORMULA double to_double(ProductSum<T> value) {
    return fma(wide(value.a), wide(value.b), wide(value.rest));
}

template <class Value>
NPFUSE_FORMULA double add_value(double sum, Value value) {
    return sum + to_double(value);
}

// The product of two floats is exact in double, so that without the instruction the bits are the same.
#if defined(__FMA__) || defined(__aarch64__) || defined(__CUDACC__)
template <class T>
NPFUSE_FORMULA double add_value(double sum, Product<T> value) {
    return fma(wide(value.a), wide(value.b), sum);
}
#endif

// A factor of more digits than T has, at least 0. high is below the factor and low above zero, so that infinity times a
// positive factor is infinity, not infinity - infinity.
template <class T>
struct Scale;

template <>
struct Scale<float> {
    float high, low;

    NPFUSE_FORMULA explicit Scale(double f) {
        float nearest = float(f);
        high = double(nearest) < f || nearest == 0 ? nearest : from_bits<float>(to_bits(nearest) - 1);
        low = float(f - double(high));
    }
};

template <>
struct Scale<double> {
    double factor;

    NPFUSE_FORMULA explicit Scale(double f) : factor(f) {}
};

// One rounding in all.
NPFUSE_FORMULA float scaled(float gradient, Scale<float> scale) {
    return fma(gradient, scale.high, times(gradient, scale.low));
}
NPFUSE_FORMULA double scaled(double gradient, Scale<double> scale) { return gradient * scale.factor; }

// The same of a gradient that has a weight of its own.
template <class T>
NPFUSE_FORMULA T weighted(T gradient, T weight, double scale) {
    return T(wide(gradient) * wide(weight) * scale);
}

// The least number that a factor may be multiplied by without a NaN.
template <class T>
NPFUSE_FORMULA T least_multiplicand(T factor) {
    return factor == T(0) ? -Format<T>::largest : -Format<T>::infinity;
}

// A slope that jumps at 0, where it is 0; NaN stays NaN.
template <class T>
NPFUSE_FORMULA T signed_slope(T magnitude, T x) {
    return absolute(x) > T(0) ? with_sign(magnitude, x) : x;
}

NPFUSE_FORMULAS_END
