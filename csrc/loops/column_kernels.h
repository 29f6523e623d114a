// The kernels of row_kernels.h for rows that stand side by side in memory, as along axis 0: what is one number there is
// one number per column here, and the vector runs across columns. Each column's sum has the order that LaneSum gives a
// row, so the bits are the same.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

class ColumnSums {
public:
    template <class T>
    NPFUSE_FORMULA void add(ptrdiff_t j, const T* terms, ptrdiff_t columns) {
        double* lane = lanes_[j % lane_count];
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) lane[c] += double(terms[c]);
    }

    double total(ptrdiff_t column) const {
        LaneSum sum;
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) sum.lanes()[lane] = lanes_[lane][column];
        return sum.total();
    }

private:
    alignas(64) double lanes_[lane_count][row_tile] = {};
};

template <class T>
inline void column_maxima(const Columns<T>& x, ptrdiff_t n, ptrdiff_t columns, T* maxima) {
    for (ptrdiff_t c = 0; c < columns; ++c) maxima[c] = x.first[c];
    for (ptrdiff_t j = 1; j < n; ++j) {
        const T* row = x.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) maxima[c] = row[c] > maxima[c] ? row[c] : maxima[c];
    }
}

template <class T>
inline void sums_beside_maxima(const Columns<T>& x, const T* maxima, ptrdiff_t n, ptrdiff_t columns, double* totals) {
    ColumnSums sums;
    int found[row_tile] = {};
    for (ptrdiff_t j = 0; j < n; ++j) {
        const T* row = x.row(j);
        T terms[row_tile];
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) {
            const bool is_maximum = row[c] == maxima[c];
            terms[c] = is_maximum ? T(0) : exp_below(row[c], maxima[c]);
            found[c] += is_maximum;
        }
        sums.add(j, terms, columns);
    }
    for (ptrdiff_t c = 0; c < columns; ++c)
        totals[c] = sums.total(c) + double(found[c] - 1) + double(maxima[c] - maxima[c]);
}

template <class Operation, class T>
void softmax_columns(const Columns<T>* inputs, const Columns<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>& x = inputs[0];
    if (n == 0) return;
    T maxima[row_tile] = {}, hi[row_tile] = {}, lo[row_tile] = {};
    column_maxima(x, n, columns, maxima);
    ColumnSums sums;
    for (ptrdiff_t j = 0; j < n; ++j) {
        const T* from = x.row(j);
        T* to = y.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) to[c] = exp_below(from[c], maxima[c]);
        sums.add(j, to, columns);
    }
    for (ptrdiff_t c = 0; c < columns; ++c) {
        const Pair<T> reciprocal = narrowed<T>(1.0 / sums.total(c));
        hi[c] = reciprocal.hi;
        lo[c] = reciprocal.lo;
    }
    for (ptrdiff_t j = 0; j < n; ++j) {
        T* to = y.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) to[c] = Operation::quotient(to[c], Pair<T>{hi[c], lo[c]});
    }
}

template <class Operation, class T>
void log_softmax_columns(const Columns<T>* inputs, const Columns<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>& x = inputs[0];
    if (n == 0) return;
    T maxima[row_tile] = {}, hi[row_tile] = {}, lo[row_tile] = {};
    double totals[row_tile] = {};
    column_maxima(x, n, columns, maxima);
    sums_beside_maxima(x, maxima, n, columns, totals);
    for (ptrdiff_t c = 0; c < columns; ++c) {
        const Pair<T> log_sum = narrowed<T>(log1p(totals[c]));
        hi[c] = log_sum.hi;
        lo[c] = log_sum.lo;
    }
    for (ptrdiff_t j = 0; j < n; ++j) {
        const T* from = x.row(j);
        T* to = y.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) to[c] = Operation::logarithm(from[c], maxima[c], Pair<T>{hi[c], lo[c]});
    }
}

template <class Operation, class T>
void backward_from_output_columns(const Columns<T>* inputs, const Columns<T>& dx, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>&dy = inputs[0], &y = inputs[1];
    ColumnSums sums;
    for (ptrdiff_t j = 0; j < n; ++j) {
        const T *dy_row = dy.row(j), *y_row = y.row(j);
        double terms[row_tile];
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) terms[c] = Operation::backward_term(dy_row[c], y_row[c]);
        sums.add(j, terms, columns);
    }
    T hi[row_tile] = {}, lo[row_tile] = {};
    for (ptrdiff_t c = 0; c < columns; ++c) {
        const Pair<T> total = narrowed<T>(sums.total(c));
        hi[c] = total.hi;
        lo[c] = total.lo;
    }
    for (ptrdiff_t j = 0; j < n; ++j) {
        const T *dy_row = dy.row(j), *y_row = y.row(j);
        T* to = dx.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) to[c] = Operation::backward(dy_row[c], y_row[c], Pair<T>{hi[c], lo[c]});
    }
}

NPFUSE_FORMULAS_END
