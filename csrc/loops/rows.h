// How a formula runs along rows: a reduction, then a pass that uses it.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "lanes.h"
#include "storage.h"

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

template <class Operation, class T>
void softmax_row(const T* const* inputs, T* y, ptrdiff_t n) {
    const T* x = inputs[0];
    const T maximum = row_maximum(x, n);
    LaneSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t end = n - begin < block_length ? n : begin + block_length;
#pragma omp simd
        for (ptrdiff_t i = begin; i < end; ++i) y[i] = Operation::term(x[i], maximum);
        sum.add(y + begin, end - begin);
    }
    const Split<T> reciprocal(1.0 / sum.total());
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) y[i] = Operation::quotient(y[i], reciprocal);
}

template <class Operation, class T>
void softmax_row_backward(const T* const* inputs, T* dx, ptrdiff_t n) {
    const T *dy = inputs[0], *y = inputs[1];
    LaneSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
        double products[block_length];
#pragma omp simd
        for (ptrdiff_t i = 0; i < count; ++i) products[i] = double(dy[begin + i]) * double(y[begin + i]);
        sum.add(products, count);
    }
    const Split<T> dot(sum.total());
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) dx[i] = Operation::backward(dy[i], y[i], dot);
}

// Rows, in contiguous memory or not. Operands that are not contiguous rows of the computing type pass through scratch,
// a few rows at a time when neighbours in memory belong to different rows, so that each cache line is used whole.
template <class S>
void run_rows(const RowKernel& kernel, char* const* operands, const ptrdiff_t* row_strides,
              const ptrdiff_t* element_strides, ptrdiff_t rows, ptrdiff_t n, void* scratch) {
    using T = compute_t<S>;
    RowFunction<T> run;
    if constexpr (__is_same(T, float))
        run = kernel.float32;
    else
        run = kernel.float64;
    const int inputs = kernel.inputs, count = inputs + 1;

    bool direct[max_operands];
    for (int i = 0; i < count; ++i) direct[i] = __is_same(S, T) && (n == 1 || element_strides[i] == sizeof(S));

    for (ptrdiff_t first = 0; first < rows; first += row_tile) {
        const ptrdiff_t tile = rows - first < row_tile ? rows - first : row_tile;
        T* tiles[max_operands];
        for (int i = 0; i < count; ++i) {
            tiles[i] = static_cast<T*>(scratch) + i * row_tile * n;
            if (direct[i] || i == inputs) continue;
            const char* source = operands[i] + first * row_strides[i];
            if (element_strides[i] == ptrdiff_t(sizeof(S))) {
                for (ptrdiff_t r = 0; r < tile; ++r)
                    load_block<S>(source + r * row_strides[i], sizeof(S), n, tiles[i] + r * n);
            } else {
                for (ptrdiff_t j = 0; j < n; ++j)
                    for (ptrdiff_t r = 0; r < tile; ++r)
                        tiles[i][r * n + j] = to_compute(
                            *reinterpret_cast<const S*>(source + r * row_strides[i] + j * element_strides[i]));
            }
        }
        for (ptrdiff_t r = 0; r < tile; ++r) {
            const T* in[max_operands];
            for (int i = 0; i < inputs; ++i)
                in[i] = direct[i] ? reinterpret_cast<const T*>(operands[i] + (first + r) * row_strides[i])
                                  : tiles[i] + r * n;
            T* out = direct[inputs] ? reinterpret_cast<T*>(operands[inputs] + (first + r) * row_strides[inputs])
                                    : tiles[inputs] + r * n;
            run(in, out, n);
        }
        if (direct[inputs]) continue;
        char* target = operands[inputs] + first * row_strides[inputs];
        if (element_strides[inputs] == ptrdiff_t(sizeof(S))) {
            for (ptrdiff_t r = 0; r < tile; ++r)
                store_block<S>(tiles[inputs] + r * n, target + r * row_strides[inputs], sizeof(S), n);
        } else {
            for (ptrdiff_t j = 0; j < n; ++j)
                for (ptrdiff_t r = 0; r < tile; ++r)
                    from_compute(tiles[inputs][r * n + j],
                                 *reinterpret_cast<S*>(target + r * row_strides[inputs] + j * element_strides[inputs]));
        }
    }
}

template <class Operation>
constexpr RowOperation row_operation() {
    return {Operation::name,
            &Operation::description,
            {1, softmax_row<Operation, float>, softmax_row<Operation, double>},
            {2, softmax_row_backward<Operation, float>, softmax_row_backward<Operation, double>}};
}

template <class... Operations>
struct RowOperationsOf;
template <class... Operations>
struct RowOperationsOf<List<Operations...>> {
    static constexpr RowOperation entries[] = {row_operation<Operations>()...};
    static constexpr Span<RowOperation> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
