// The kernels of row_kernels.h for rows that stand side by side in memory, as along axis 0: what is one number there is
// one number per column here, and the vector runs across columns. Each column's sum has the order that LaneSum gives a
// row, so the bits are the same.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "abreast.h"
#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

// The number of columns of a whole tile, known when compiled, so that loops over it need no remainder.
struct WholeTile {
    constexpr operator ptrdiff_t() const { return row_tile; }
};

template <class Body>
NPFUSE_FORMULA void with_width(ptrdiff_t columns, Body body) {
    if (columns == row_tile)
        body(WholeTile());
    else
        body(columns);
}

class ColumnSums {
public:
    // Adds term(c), element j of column c, for every column.
    template <class Width, class Term>
    NPFUSE_FORMULA void add(ptrdiff_t j, Width columns, Term term) {
        double* lane = lanes_[j % lane_count];
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) lane[c] += double(term(c));
    }

    // The sum of each column. Nothing can be added afterwards.
    NPFUSE_FORMULA const double* totals() {
        for (ptrdiff_t half = lane_count / 2; half > 0; half /= 2)
            for (ptrdiff_t lane = 0; lane < half; ++lane)
#pragma omp simd
                for (ptrdiff_t c = 0; c < row_tile; ++c) lanes_[lane][c] += lanes_[lane + half][c];
        return lanes_[0];
    }

private:
    alignas(64) double lanes_[lane_count][row_tile] = {};
};

// A pair for each column.
template <class T>
struct ColumnPairs {
    alignas(64) T hi[row_tile], lo[row_tile];

    NPFUSE_FORMULA Pair<T> operator[](ptrdiff_t c) const { return {hi[c], lo[c]}; }
    template <class Width, class Value>
    NPFUSE_FORMULA void fill(Width columns, Value value) {
        for (ptrdiff_t c = 0; c < columns; ++c) {
            const Pair<T> pair = value(c);
            hi[c] = pair.hi;
            lo[c] = pair.lo;
        }
    }
};

template <class T, class Width>
NPFUSE_FORMULA void column_maxima(const Columns<T>& x, ptrdiff_t n, Width columns, T* maxima) {
    constexpr ptrdiff_t turns = 4;  // a maximum stays in its register so long
    for (ptrdiff_t c = 0; c < columns; ++c) maxima[c] = x.first[c];
    ptrdiff_t j = 1;
    for (; j + turns <= n; j += turns) {
        const T* row = x.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) {
            T maximum = maxima[c];
            for (ptrdiff_t turn = 0; turn < turns; ++turn) {
                const T next = row[turn * x.stride + c];
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

// exp(x - maximum) of one element of each column.
template <class T, class Width>
NPFUSE_FORMULA void exponentials(const T* x, const T* maxima, T* y, Width columns) {
    apply_to_all([](T each, T maximum) __attribute__((always_inline)) { return exp_below(each, maximum); }, columns, y,
                 x, maxima);
}

// The sums of exp(x - maximum) without one element that is the maximum; see sum_beside_maximum.
template <class T, class Width>
NPFUSE_FORMULA void sums_beside_maxima(const Columns<T>& x, const T* maxima, ptrdiff_t n, Width columns,
                                       double* beside) {
    ColumnSums sums;
    for (ptrdiff_t j = 0; j < n; ++j) {
        alignas(64) T terms[row_tile];
        exponentials(x.row(j), maxima, terms, columns);
        sums.add(j, columns, [&](ptrdiff_t c) __attribute__((always_inline)) { return terms[c]; });
    }
    const double* totals = sums.totals();
    bool all_kept = true;
    for (ptrdiff_t c = 0; c < columns; ++c) {
        beside[c] = totals[c] - 1;
        all_kept &= !(beside[c] < lost_beside_one<T>);
    }
    if (all_kept) return;
    ColumnSums others;
    bool is_beside[row_tile] = {};
    for (ptrdiff_t j = 0; j < n; ++j) {
        const T* row = x.row(j);
        T terms[row_tile];
        for (ptrdiff_t c = 0; c < columns; ++c) {
            const bool is_first_maximum = !is_beside[c] && row[c] == maxima[c];
            is_beside[c] |= is_first_maximum;
            terms[c] = is_first_maximum ? T(0) : exp_below(row[c], maxima[c]);
        }
        others.add(j, columns, [&](ptrdiff_t c) __attribute__((always_inline)) { return terms[c]; });
    }
    const double* without = others.totals();
    for (ptrdiff_t c = 0; c < columns; ++c)
        if (beside[c] < lost_beside_one<T>) beside[c] = without[c];
}

template <class Operation, class T>
void softmax_columns(const Columns<T>* inputs, const Columns<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>& x = inputs[0];
    if (n == 0) return;
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        alignas(64) T maxima[row_tile];
        column_maxima(x, n, width, maxima);
        ColumnSums sums;
        for (ptrdiff_t j = 0; j < n; ++j) {
            T* to = y.row(j);
            exponentials(x.row(j), maxima, to, width);
            sums.add(j, width, [=](ptrdiff_t c) __attribute__((always_inline)) { return to[c]; });
        }
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
void log_softmax_columns(const Columns<T>* inputs, const Columns<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>& x = inputs[0];
    if (n == 0) return;
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        alignas(64) T maxima[row_tile];
        double beside[row_tile];
        column_maxima(x, n, width, maxima);
        sums_beside_maxima(x, maxima, n, width, beside);
        ColumnPairs<T> log_sums;
        log_sums.fill(width, [&](ptrdiff_t c) { return log_of_row_sum(maxima[c], beside[c]); });
        for (ptrdiff_t j = 0; j < n; ++j) {
            const T* from = x.row(j);
            T* to = y.row(j);
#pragma omp simd
            for (ptrdiff_t c = 0; c < width; ++c) to[c] = Operation::logarithm(from[c], log_sums[c]);
        }
    });
}

template <class Operation, class T>
void logsumexp_columns(const Columns<T>* inputs, const Columns<T>& y, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>& x = inputs[0];
    alignas(64) T maxima[row_tile];
    double beside[row_tile];
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        column_maxima(x, n, width, maxima);
        sums_beside_maxima(x, maxima, n, width, beside);
    });
    for (ptrdiff_t c = 0; c < columns; ++c) {
        y.first[c] = log_sum_exp(maxima[c], beside[c]);
        if (y.first[c] - y.first[c] == T(0)) continue;
        for (ptrdiff_t j = 0; j < n; ++j)
            if (x.row(j)[c] != x.row(j)[c]) y.first[c] = x.row(j)[c];
    }
}

template <class Operation, class T>
void backward_from_output_columns(const Columns<T>* inputs, const Columns<T>& dx, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>&dy = inputs[0], &y = inputs[1];
    with_width(columns, [&](auto width) __attribute__((always_inline)) {
        ColumnSums sums;
        for (ptrdiff_t j = 0; j < n; ++j) {
            const T *dy_row = dy.row(j), *y_row = y.row(j);
            sums.add(j, width, [=](ptrdiff_t c) __attribute__((always_inline)) {
                return Operation::backward_term(dy_row[c], y_row[c]);
            });
        }
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
void logsumexp_backward_columns(const Columns<T>* inputs, const Columns<T>& dx, ptrdiff_t n, ptrdiff_t columns) {
    const Columns<T>& dy = inputs[0];
    softmax_columns<typename Operation::Normalised, T>(inputs + 1, dx, n, columns);
    for (ptrdiff_t j = 0; j < n; ++j) {
        T* to = dx.row(j);
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) to[c] = dy.first[c] * to[c];
    }
}

NPFUSE_FORMULAS_END
