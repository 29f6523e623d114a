// The largest element of a row, and where it is.
#pragma once

#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
inline T row_maximum(const T* x, ptrdiff_t n) {
    T lanes[lane_count];
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lanes[lane] = x[0];
    ptrdiff_t i = 0;
    for (; i + lane_count <= n; i += lane_count)
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) {
            const T next = x[i + lane];
            lanes[lane] = next > lanes[lane] ? next : lanes[lane];
        }
    T maximum = lanes[0];
    for (ptrdiff_t lane = 1; lane < lane_count; ++lane) maximum = lanes[lane] > maximum ? lanes[lane] : maximum;
    for (; i < n; ++i) maximum = x[i] > maximum ? x[i] : maximum;
    return maximum;
}

// The first position of a value; n where it is nowhere, as NaN is.
template <class T>
inline ptrdiff_t row_position(const T* x, ptrdiff_t n, T value) {
    ptrdiff_t i = 0;
    for (; i + lane_count <= n; i += lane_count) {
        int matches = 0;
#pragma omp simd reduction(| : matches)
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) matches |= x[i + lane] == value;
        if (matches) break;
    }
    while (i < n && x[i] != value) ++i;
    return i;
}

NPFUSE_FORMULAS_END
