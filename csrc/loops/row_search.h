// Where in a row a value is.
#pragma once

#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

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
