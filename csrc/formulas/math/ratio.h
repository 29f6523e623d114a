// Quotients with their rounding errors.
#pragma once

#include "exponential.h"
#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

// A quotient not yet rounded: hi + rest * inverse.
template <class T>
struct Ratio {
    T hi, rest, inverse;
};

template <class T>
NPFUSE_FORMULA T rounded(Ratio<T> q) {
    return fma(q.rest, q.inverse, q.hi);
}

template <class T>
NPFUSE_FORMULA Pair<T> unevaluated(Ratio<T> q) {
    return {q.hi, times(q.rest, q.inverse)};
}

// (a.hi + a.lo) / (b.hi + b.lo), for b.hi and its inverse in the range of normal numbers.
template <class T>
NPFUSE_FORMULA Ratio<T> ratio(Pair<T> a, Pair<T> b) {
    T inverse = T(1) / b.hi;
    T hi = times(a.hi, inverse);
    return {hi, fma(-hi, b.hi, a.hi) + fma(-hi, b.lo, a.lo), inverse};
}

// a.hi / (unit + t) + what a.lo adds, where unit is a power of two, 0 <= t <= unit, 0 <= a.hi <= unit. a.hi - hi * unit
// is exact, so that the divisor's own rounding error need not be known.
template <class T>
NPFUSE_FORMULA Ratio<T> ratio_by_one_plus(Pair<T> a, T t, T unit) {
    T inverse = T(1) / (unit + t);
    T hi = times(a.hi, inverse);
    T rest = unit == T(1) ? a.hi - hi : fma(-hi, unit, a.hi);
    return {hi, fma(-hi, t, rest) + a.lo, inverse};
}

// 1 / (1 + t) in two parts, 0 <= t <= 1.
template <class T>
NPFUSE_FORMULA Pair<T> inverse_of_one_plus(T t) {
    T inverse = T(1) / (T(1) + t);
    return {inverse, times(fma(-inverse, t, T(1) - inverse), inverse)};
}

NPFUSE_FORMULAS_END
