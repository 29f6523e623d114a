// What runs along one contiguous row: a reduction, then a pass that uses it.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "lanes.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

// NaN may be passed over: the sums that follow find it.
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
    for (ptrdiff_t half = lane_count / 2; half > 0; half /= 2)
        for (ptrdiff_t lane = 0; lane < half; ++lane)
            lanes[lane] = lanes[lane + half] > lanes[lane] ? lanes[lane + half] : lanes[lane];
    T maximum = lanes[0];
    for (; i < n; ++i) maximum = x[i] > maximum ? x[i] : maximum;
    return maximum;
}

// Adds exp(x - maximum) over the row, but for one element that is the maximum and whose term is 1.
template <class T>
inline double sum_beside_maximum(const T* x, T maximum, ptrdiff_t n) {
    LaneSum sum;
    ptrdiff_t maxima = 0;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        T terms[block_length];
        int here = 0;
#pragma omp simd reduction(+ : here)
        for (ptrdiff_t i = 0; i < count; ++i) {
            const bool is_maximum = x[begin + i] == maximum;
            terms[i] = is_maximum ? T(0) : exp_below(x[begin + i], maximum);
            here += is_maximum;
        }
        sum.add(terms, count);
        maxima += here;
    }
    // Infinity and NaN are no maximum that a row can be compared to: the sum is NaN.
    return sum.total() + double(maxima - 1) + double(maximum - maximum);
}

template <class Operation, class T>
void softmax_row(const T* const* inputs, T* y, ptrdiff_t n) {
    const T* x = inputs[0];
    if (n == 0) return;
    const T maximum = row_maximum(x, n);
    LaneSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t end = begin + smaller(n - begin, block_length);
#pragma omp simd
        for (ptrdiff_t i = begin; i < end; ++i) y[i] = exp_below(x[i], maximum);
        sum.add(y + begin, end - begin);
    }
    const Pair<T> reciprocal = narrowed<T>(1.0 / sum.total());
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) y[i] = Operation::quotient(y[i], reciprocal);
}

template <class Operation, class T>
void log_softmax_row(const T* const* inputs, T* y, ptrdiff_t n) {
    const T* x = inputs[0];
    if (n == 0) return;
    const T maximum = row_maximum(x, n);
    const Pair<T> log_sum = narrowed<T>(log1p(sum_beside_maximum(x, maximum, n)));
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) y[i] = Operation::logarithm(x[i], maximum, log_sum);
}

template <class Operation, class T>
void logsumexp_row(const T* const* inputs, T* y, ptrdiff_t n) {
    const T* x = inputs[0];
    constexpr T infinity = Format<T>::infinity;
    const T maximum = n == 0 ? -infinity : row_maximum(x, n);
    if (maximum - maximum == T(0)) {
        *y = T(double(maximum) + log1p(sum_beside_maximum(x, maximum, n)));
        return;
    }
    // The maximum is infinite or NaN; so is the sum, unless NaN hides behind it.
    *y = maximum;
    for (ptrdiff_t i = 0; i < n; ++i)
        if (x[i] != x[i]) *y = x[i];
}

// From the output y.
template <class Operation, class T>
void backward_from_output_row(const T* const* inputs, T* dx, ptrdiff_t n) {
    const T *dy = inputs[0], *y = inputs[1];
    LaneSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        double terms[block_length];
#pragma omp simd
        for (ptrdiff_t i = 0; i < count; ++i) terms[i] = Operation::backward_term(dy[begin + i], y[begin + i]);
        sum.add(terms, count);
    }
    const Pair<T> total = narrowed<T>(sum.total());
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) dx[i] = Operation::backward(dy[i], y[i], total);
}

// dy, one number for the row, spread over it by its softmax.
template <class Operation, class T>
void logsumexp_row_backward(const T* const* inputs, T* dx, ptrdiff_t n) {
    const T dy = *inputs[0];
    softmax_row<Operation, T>(inputs + 1, dx, n);
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) dx[i] = dy * dx[i];
}

NPFUSE_FORMULAS_END
