// Where in a row a value is.
#pragma once

#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

// From position i on, whole steps in which no number is wanted.
template <ptrdiff_t step, class T, class Wanted>
NPFUSE_FORMULA ptrdiff_t skip_steps(const T* x, ptrdiff_t i, ptrdiff_t n, Wanted is_wanted) {
    for (; i + step <= n; i += step) {
        int matches = 0;
#pragma omp simd reduction(| : matches)
        for (ptrdiff_t k = 0; k < step; ++k) matches |= is_wanted(x[i + k]);
        if (matches) break;
    }
    return i;
}

// The first position of a number that is wanted; n where there is none.
template <class T, class Wanted>
NPFUSE_FORMULA ptrdiff_t find_first(const T* x, ptrdiff_t n, Wanted is_wanted) {
    ptrdiff_t i = skip_steps<4 * lane_count>(x, 0, n, is_wanted);
    i = skip_steps<lane_count>(x, i, n, is_wanted);
    while (i < n && !is_wanted(x[i])) ++i;
    return i;
}

// The first position of a value, which NaN has not.
template <class T>
inline ptrdiff_t find_value(const T* x, ptrdiff_t n, T value) {
    return find_first(x, n, [=](T each) __attribute__((always_inline)) { return each == value; });
}

template <class T>
inline ptrdiff_t find_nan_in(const T* x, ptrdiff_t n) {
    return find_first(x, n, [](T each) __attribute__((always_inline)) { return each != each; });
}

NPFUSE_FORMULAS_END
