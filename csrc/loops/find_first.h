// Where in a row a value is.
#pragma once

#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

// The first position of a number that is wanted; n where there is none.
template <class T, class Wanted>
NPFUSE_FORMULA ptrdiff_t find_first(const T* x, ptrdiff_t n, Wanted is_wanted) {
    ptrdiff_t i = 0;
    for (; i + lane_count <= n; i += lane_count) {
        int matches = 0;
#pragma omp simd reduction(| : matches)
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) matches |= is_wanted(x[i + lane]);
        if (matches) break;
    }
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
