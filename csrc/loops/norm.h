// The sum of squares of numbers of any kind, in one fixed order: number k of a block is added to lane k mod norm_lanes.
#pragma once

#include "operand.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
inline void add_squares_of(const T* x, double factor, ptrdiff_t first, ptrdiff_t n, double* lanes) {
    const auto square = [factor](T number) {
        const double scaled = double(number) * factor;
        return scaled * scaled;
    };
    ptrdiff_t i = 0;
    for (; i < n && (first + i) % norm_lanes != 0; ++i) lanes[(first + i) % norm_lanes] += square(x[i]);
    for (; i + norm_lanes <= n; i += norm_lanes)
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < norm_lanes; ++lane) lanes[lane] += square(x[i + lane]);
    for (ptrdiff_t lane = 0; i + lane < n; ++lane) lanes[lane] += square(x[i + lane]);
}

template <class T>
inline void add_squares_as(const Operand& operand, double factor, ptrdiff_t first, ptrdiff_t n, double* lanes) {
    double sums[norm_lanes];
    for (ptrdiff_t lane = 0; lane < norm_lanes; ++lane) sums[lane] = lanes[lane];
    Block<T> buffer;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
        add_squares_of(load(operand, begin, count, buffer.numbers), factor, first + begin, count, sums);
    }
    for (ptrdiff_t lane = 0; lane < norm_lanes; ++lane) lanes[lane] = sums[lane];
}

inline void add_squares(const Operand& operand, double factor, ptrdiff_t first, ptrdiff_t n, double* lanes) {
    if (operand.storage == Storage::float64)
        add_squares_as<double>(operand, factor, first, n, lanes);
    else
        add_squares_as<float>(operand, factor, first, n, lanes);
}

NPFUSE_FORMULAS_END
