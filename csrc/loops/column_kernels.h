// The kernels of row_kernels.h for rows that are columns in memory, as along axis 0: what is one number there is
// one number per column here, and the vector runs across columns. Each column's sum has the order that LaneSum gives a
// row, so the bits are the same.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "column_tile_sums.h"

NPFUSE_FORMULAS_BEGIN

template <class Body>
NPFUSE_FORMULA void with_width(ptrdiff_t columns, Body body) {
    if (columns == row_tile)
        body(IndexConstant<row_tile>());
    else
        body(columns);
}

using ColumnSums = ColumnTileSums<row_tile>;

// A pair for each column.
template <class T>
struct ColumnPairs {
    alignas(64) T hi[row_tile], lo[row_tile];

    NPFUSE_FORMULA Pair<T> operator[](ptrdiff_t c) const { return {hi[c], lo[c]}; }
    template <class Width, class Value>
    NPFUSE_FORMULA void fill(Width columns, Value value) {
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) {
            const Pair<T> pair = value(c);
            hi[c] = pair.hi;
            lo[c] = pair.lo;
        }
    }
};

template <class T, class Width>
NPFUSE_FORMULA void column_maxima(const Matrix<T>& x, ptrdiff_t n, Width columns, T* maxima) {
    constexpr ptrdiff_t unroll = 4;  // a maximum stays in its register so long
    for (ptrdiff_t c = 0; c < columns; ++c) maxima[c] = x.first[c];
    ptrdiff_t j = 1;
    for (; j + unroll <= n; j += unroll) {
        const T* row = x.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) {
            T maximum = maxima[c];
            for (ptrdiff_t step = 0; step < unroll; ++step) {
                const T next = row[step * x.stride + c];
                maximum = next > maximum ? next : maximum;
            }
            maxima[c] = maximum;
        }
    }
    for (; j < n; ++j) {
        const T* row = x.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) maxima[c] = row[c] > maxima[c] ? row[c] : maxima[c];
    }
}

// RowTerms or SummedTerms of every column.
template <class Terms, class T>
struct ColumnTerms {
    alignas(64) T shift[row_tile], floor[row_tile], pivot[row_tile];

    template <class Width>
    NPFUSE_FORMULA ColumnTerms(const T* maxima, Width columns) {
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) {
            const Terms terms = Terms::below(maxima[c]);
            shift[c] = terms.shift;
            floor[c] = terms.floor;
            pivot[c] = terms.pivot;
        }
    }

    NPFUSE_FORMULA Terms operator[](ptrdiff_t c) const { return {{shift[c], floor[c], pivot[c]}}; }
};

// The sums of exp(x - maximum) without one element that is the maximum.
template <class T, class Width>
[[gnu::noinline]] void sums_excluding_maxima(const Matrix<T>& x, const T* maxima, ptrdiff_t n, Width columns,
                                             double* excluding_maximum) {
    const ColumnTerms<SummedTerms<T>, T> terms(maxima, columns);
    ColumnSums sums;
    sums.add_up(n, columns,
                [&](ptrdiff_t j, ptrdiff_t c) __attribute__((always_inline)) { return terms[c].term(x.row(j)[c]); });
    const double* const totals = sums.totals();
#pragma omp simd
    for (ptrdiff_t c = 0; c < columns; ++c) excluding_maximum[c] = terms[c].excluding_maximum(maxima[c], totals[c]);
    bool all_kept = true;
    for (ptrdiff_t c = 0; c < columns; ++c) all_kept &= !(excluding_maximum[c] < lost_in_sum_with_one<T>);
    if (all_kept) return;
    ptrdiff_t argmaxes[row_tile];
    for (ptrdiff_t c = 0; c < columns; ++c) argmaxes[c] = n;
    for (ptrdiff_t j = n - 1; j >= 0; --j)
        for (ptrdiff_t c = 0; c < columns; ++c) argmaxes[c] = x.row(j)[c] == maxima[c] ? j : argmaxes[c];
    sums.add_up(n, ptrdiff_t(columns), [&](ptrdiff_t j, ptrdiff_t c) __attribute__((always_inline)) {
        return argmaxes[c] == j ? T(0) : terms[c].term(x.row(j)[c]);
    });
    const double* const without = sums.totals();
    for (ptrdiff_t c = 0; c < columns; ++c)
        if (excluding_maximum[c] < lost_in_sum_with_one<T>)
            excluding_maximum[c] = without[c] / terms[c].unit(maxima[c]);
}

template <class Operation, class T>
void softmax_columns(const Matrix<T>* inputs, const Matrix<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Matrix<T>& x = inputs[0];
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        alignas(64) T maxima[row_tile];
        column_maxima(x, n, width, maxima);
        const ColumnTerms<RowTerms<T>, T> terms(maxima, width);
        ColumnSums sums;
        sums.add_up(n, width, [&](ptrdiff_t j, ptrdiff_t c) __attribute__((always_inline)) {
            const T term = terms[c].term(x.row(j)[c]);
            y.row(j)[c] = term;
            return term;
        });
        const double* totals = sums.totals();
        ColumnPairs<T> reciprocals;
        reciprocals.fill(width, [=](ptrdiff_t c) { return narrowed<T>(1.0 / totals[c]); });
        for (ptrdiff_t j = 0; j < n; ++j) {
            T* to = y.row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < width; ++c) to[c] = Operation::quotient(to[c], reciprocals[c]);
        }
    });
}

template <class Operation, class T>
void log_softmax_columns(const Matrix<T>* inputs, const Matrix<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Matrix<T>& x = inputs[0];
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        alignas(64) T maxima[row_tile];
        double excluding_maximum[row_tile];
        column_maxima(x, n, width, maxima);
        sums_excluding_maxima(x, maxima, n, width, excluding_maximum);
        ColumnPairs<T> log_sums;
        log_sums.fill(width, [&](ptrdiff_t c) { return log_of_row_sum(maxima[c], excluding_maximum[c]); });
        for (ptrdiff_t j = 0; j < n; ++j) {
            const T* from = x.row(j);
            T* to = y.row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < width; ++c) to[c] = Operation::logarithm(from[c], log_sums[c]);
        }
    });
}

template <class Operation, class T>
void logsumexp_columns(const Matrix<T>* inputs, const Matrix<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Matrix<T>& x = inputs[0];
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        alignas(64) T maxima[row_tile];
        double excluding_maximum[row_tile];
        column_maxima(x, n, width, maxima);
        sums_excluding_maxima(x, maxima, n, width, excluding_maximum);
#pragma omp simd
        for (ptrdiff_t c = 0; c < width; ++c) y.first[c] = log_sum_exp(maxima[c], excluding_maximum[c]);
    });
    for (ptrdiff_t c = 0; c < columns; ++c) {
        if (y.first[c] - y.first[c] == T(0)) continue;
        for (ptrdiff_t j = 0; j < n; ++j)
            if (x.row(j)[c] != x.row(j)[c]) y.first[c] = x.row(j)[c];
    }
}

template <class Operation, class T>
void backward_from_output_columns(const Matrix<T>* inputs, const Matrix<T>& dx, ptrdiff_t n, ptrdiff_t columns) {
    const Matrix<T>&dy = inputs[0], &y = inputs[1];
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        ColumnSums sums;
        sums.add_up(n, width, [&](ptrdiff_t j, ptrdiff_t c) __attribute__((always_inline)) {
            return Operation::backward_term(dy.row(j)[c], y.row(j)[c]);
        });
        const double* totals = sums.totals();
        ColumnPairs<T> total;
        total.fill(width, [=](ptrdiff_t c) { return narrowed<T>(totals[c]); });
        for (ptrdiff_t j = 0; j < n; ++j) {
            const T *dy_row = dy.row(j), *y_row = y.row(j);
            T* to = dx.row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < width; ++c) to[c] = Operation::backward(dy_row[c], y_row[c], total[c]);
        }
    });
}

template <class Operation, class T>
void logsumexp_backward_columns(const Matrix<T>* inputs, const Matrix<T>& dx, ptrdiff_t n, ptrdiff_t columns) {
    const Matrix<T>& dy = inputs[0];
    softmax_columns<typename Operation::Normalised, T>(inputs + 1, dx, n, columns);
    for (ptrdiff_t j = 0; j < n; ++j) {
        T* to = dx.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) to[c] = dy.first[c] * to[c];
    }
}

NPFUSE_FORMULAS_END
