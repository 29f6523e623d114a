// What runs along one contiguous row: a reduction, then a pass that uses it.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "abreast.h"
#include "lanes.h"
#include "row_search.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

template <ptrdiff_t count, class T>
NPFUSE_FORMULA void keep_larger(T* numbers, const T* others) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < count; ++i) numbers[i] = others[i] > numbers[i] ? others[i] : numbers[i];
}

// The largest of twice as many numbers as half; of known lengths, so that registers hold them.
template <ptrdiff_t half, class T>
NPFUSE_FORMULA T largest_of(T* numbers) {
    keep_larger<half>(numbers, numbers + half);
    if constexpr (half > 1) return largest_of<half / 2>(numbers);
    return numbers[0];
}

// NaN may be passed over: the sums that follow find it.
template <class T>
inline T row_maximum(const T* x, ptrdiff_t n) {
    T maximum = x[0];
    if (n < lane_count) {
        for (ptrdiff_t i = 1; i < n; ++i) maximum = x[i] > maximum ? x[i] : maximum;
        return maximum;
    }
    T lanes[lane_count];
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lanes[lane] = maximum;
    for (ptrdiff_t i = 0; i + lane_count <= n; i += lane_count) keep_larger<lane_count>(lanes, x + i);
    keep_larger<lane_count>(lanes, x + n - lane_count);  // some for the second time, which changes nothing
    return largest_of<lane_count / 2>(lanes);
}

template <class Terms, class T>
[[gnu::noinline]] void write_terms(const T* x, Terms terms, T* y, ptrdiff_t n) {
    apply_to_all([terms](T each) __attribute__((always_inline)) { return terms.term(each); }, n, y, x);
}

// The row's terms to y, which may be null, and their sum.
template <class Terms, class T>
inline double sum_of_terms(const T* x, const Terms& terms, T* y, ptrdiff_t n) {
    T elsewhere[block_length];
    LaneSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        T* room = y ? y + begin : elsewhere;
        write_terms(x + begin, terms, room, count);
        sum.add(room, count);
    }
    return sum.total();
}

// The sum of exp(x - maximum) without one element that is the maximum. What y then holds means nothing; it may be null.
template <class T>
inline double sum_beside_maximum(const T* x, T maximum, T* y, ptrdiff_t n) {
    const SummedTerms<T> terms(maximum);
    const double beside = terms.beside(maximum, sum_of_terms(x, terms, y, n));
    if (!(beside < lost_beside_one<T>)) return beside;
    // The maximum dominates so much that its own term has rounded the others away: they are added by themselves.
    const ptrdiff_t peak = row_position(x, n, maximum);
    T others[block_length];
    LaneSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        write_terms(x + begin, terms, others, count);
        if (begin <= peak && peak < begin + count) others[peak - begin] = T(0);
        sum.add(others, count);
    }
    return sum.total() / terms.unit(maximum);
}

template <class Operation, class T>
void softmax_row(const T* const* inputs, T* y, ptrdiff_t n) {
    const T* x = inputs[0];
    if (n == 0) return;
    const double sum = sum_of_terms(x, RowTerms<T>(row_maximum(x, n)), y, n);
    const Pair<T> reciprocal = narrowed<T>(1.0 / sum);
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) y[i] = Operation::quotient(y[i], reciprocal);
}

template <class Operation, class T>
void log_softmax_row(const T* const* inputs, T* y, ptrdiff_t n) {
    const T* x = inputs[0];
    if (n == 0) return;
    const T maximum = row_maximum(x, n);
    T* y_to_warm = y == x ? nullptr : y;  // written twice, y costs less than y and a block beside it
    const Pair<T> log_sum = log_of_row_sum(maximum, sum_beside_maximum(x, maximum, y_to_warm, n));
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) y[i] = Operation::logarithm(x[i], log_sum);
}

template <class Operation, class T>
void logsumexp_row(const T* const* inputs, T* y, ptrdiff_t n) {
    const T* x = inputs[0];
    constexpr T infinity = Format<T>::infinity;
    const T maximum = n == 0 ? -infinity : row_maximum(x, n);
    *y = log_sum_exp(maximum, n == 0 ? 0 : sum_beside_maximum<T>(x, maximum, nullptr, n));
    // An infinite result is NaN if any is there.
    if (*y - *y == T(0)) return;
    const ptrdiff_t place = nan_position(x, n);
    if (place < n) *y = x[place];
}

// From the output y.
template <class Operation, class T>
void backward_from_output_row(const T* const* inputs, T* dx, ptrdiff_t n) {
    const T *dy = inputs[0], *y = inputs[1];
    LaneSum sum;
    sum.add(n, [=](ptrdiff_t i) __attribute__((always_inline)) { return Operation::backward_term(dy[i], y[i]); });
    const Pair<T> total = narrowed<T>(sum.total());
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) dx[i] = Operation::backward(dy[i], y[i], total);
}

// dy, one number for the row, spread over it by its softmax.
template <class Operation, class T>
void logsumexp_row_backward(const T* const* inputs, T* dx, ptrdiff_t n) {
    const T dy = *inputs[0];
    softmax_row<typename Operation::Normalised, T>(inputs + 1, dx, n);
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) dx[i] = dy * dx[i];
}

NPFUSE_FORMULAS_END
