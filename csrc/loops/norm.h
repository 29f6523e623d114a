// The sum of squares of numbers of any kind, in one fixed order: number k of a block is added to lane k mod norm_lanes.
#pragma once

#include "../formulas/losses/terms.h"
#include "operand.h"

NPFUSE_FORMULAS_BEGIN

// (factor x)^2
struct ScaledSquare {
    double factor;
    template <class T>
    NPFUSE_FORMULA double of(T x) const {
        return wide(x) * factor * (wide(x) * factor);
    }
};

// With a factor of 1: exact in double, so that nothing is lost by adding it with one rounding.
struct ExactSquare {
    NPFUSE_FORMULA Product<float> of(float x) const { return {x, x}; }
};

template <class T, class Square>
inline void add_squares_of(const T* x, Square square, ptrdiff_t first, ptrdiff_t n, double* sums) {
    double lanes[norm_lanes];  // in registers
    for (ptrdiff_t lane = 0; lane < norm_lanes; ++lane) lanes[lane] = sums[lane];
    ptrdiff_t i = 0;
    for (; i < n && (first + i) % norm_lanes != 0; ++i) {
        const ptrdiff_t lane = (first + i) % norm_lanes;
        lanes[lane] = add_value(lanes[lane], square.of(x[i]));
    }
    for (; i + norm_lanes <= n; i += norm_lanes)
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < norm_lanes; ++lane)
            lanes[lane] = add_value(lanes[lane], square.of(x[i + lane]));
    for (ptrdiff_t lane = 0; i + lane < n; ++lane) lanes[lane] = add_value(lanes[lane], square.of(x[i + lane]));
    for (ptrdiff_t lane = 0; lane < norm_lanes; ++lane) sums[lane] = lanes[lane];
}

template <class T, class Square>
inline void add_squares_as(const Operand& operand, Square square, ptrdiff_t first, ptrdiff_t n, double* lanes) {
    Block<T> buffer;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
        add_squares_of(load(operand, begin, count, buffer.numbers), square, first + begin, count, lanes);
    }
}

inline void add_squares(const Operand& operand, double factor, ptrdiff_t first, ptrdiff_t n, double* lanes) {
    if (operand.storage == DType::float64)
        add_squares_as<double>(operand, ScaledSquare{factor}, first, n, lanes);
    else if (factor == 1)
        add_squares_as<float>(operand, ExactSquare{}, first, n, lanes);
    else
        add_squares_as<float>(operand, ScaledSquare{factor}, first, n, lanes);
}

NPFUSE_FORMULAS_END
