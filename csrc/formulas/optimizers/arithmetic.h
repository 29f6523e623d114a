// The arithmetic that optimizers share: weighted sums of what is stored and of what comes in.
//
// A moving average of gradients can cancel to nearly nothing, and so can a gradient and its weight decay. Rounded the
// plain way, what is left then is rounding error. Here it keeps its digits, which costs no time: an optimizer waits for
// memory, or for the divider.
#pragma once

#include "../math/primitives.h"

NPFUSE_FORMULAS_BEGIN

// A number that comes in double (a learning rate, a decay), as two of type T.
template <class T>
struct Factor {
    T hi, lo;

    Factor() = default;
    NPFUSE_FORMULA explicit Factor(double x) : hi(T(x)), lo(T(x - double(T(x)))) {}
};

NPFUSE_FORMULA float square_root(float x) { return __builtin_sqrtf(x); }
NPFUSE_FORMULA double square_root(double x) { return __builtin_sqrt(x); }

template <class T>
NPFUSE_FORMULA bool is_finite(T x) {
    return absolute(x) < T(__builtin_huge_val());
}

// sum + error, where error is what rounding took from the sum; it is NaN where the sum is infinite.
template <class T>
NPFUSE_FORMULA T corrected(T sum, T error) {
    return sum + (is_finite(sum) ? error : T(0));
}

// a x + b y, right to the last bit or two whatever cancels.
template <class T>
NPFUSE_FORMULA T mix(Factor<T> a, T x, Factor<T> b, T y) {
    Pair<T> product = two_product(b.hi, y);
    T error = fma(a.lo, x, fma(b.lo, y, product.lo));
    return corrected(fma(a.hi, x, product.hi), error);
}

template <class T>
NPFUSE_FORMULA T mix(Factor<T> a, T x, Factor<T> b, Pair<T> y) {
    Pair<T> product = two_product(b.hi, y.hi);
    T error = fma(a.lo, x, fma(b.lo, y.hi, fma(b.hi, y.lo, product.lo)));
    return corrected(fma(a.hi, x, product.hi), error);
}

// A gradient is a plain number, or a pair where a loss scale or weight decay had a part in it; its value and its
// distance from a number are then right to the last bit too.
template <class T>
NPFUSE_FORMULA T value(T gradient) {
    return gradient;
}

template <class T>
NPFUSE_FORMULA T value(Pair<T> gradient) {
    return gradient.hi;
}

template <class T>
NPFUSE_FORMULA T difference(T gradient, T x) {
    return gradient - x;
}

template <class T>
NPFUSE_FORMULA T difference(Pair<T> gradient, T x) {
    return corrected(gradient.hi - x, gradient.lo);
}

// scale * gradient + decay * parameter
template <class T>
NPFUSE_FORMULA Pair<T> decayed_gradient(Factor<T> scale, T gradient, Factor<T> decay, T parameter) {
    Pair<T> scaled = two_product(scale.hi, gradient);
    Pair<T> decayed = two_product(decay.hi, parameter);
    Pair<T> sum = two_sum(scaled.hi, decayed.hi);
    T error = fma(scale.lo, gradient, scaled.lo) + fma(decay.lo, parameter, decayed.lo) + sum.lo;
    T hi = corrected(sum.hi, error);
    T lo = error - (hi - sum.hi);
    return {hi, is_finite(hi) ? lo : T(0)};
}

NPFUSE_FORMULAS_END
