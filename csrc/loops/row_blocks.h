// Expressions of row formulas over contiguous numbers.
#pragma once

#include "../formulas/rows/expressions.h"
#include "interleave.h"
#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

template <class T>
struct Numbers {
    const T* first;
    NPFUSE_FORMULA T operator()(ptrdiff_t i) const { return first[i]; }
};

// The position in its row of element i of a block that begins there.
struct Positions {
    ptrdiff_t begin;
    NPFUSE_FORMULA ptrdiff_t operator()(ptrdiff_t i) const { return begin + i; }
};

// y[i] = function(i), several vectors interleaved. Not inlined: what several formulas use, they share.
template <class Function, class T>
[[gnu::noinline]] void write_interleaved(Function function, T* y, ptrdiff_t n, bool overwrites_input) {
    constexpr ptrdiff_t chunk = kernel_chunk<T>;
    const auto write = [=]<ptrdiff_t interleaved>(ptrdiff_t i) NPFUSE_LAMBDA {
        T results[interleaved][chunk];
        NPFUSE_UNROLL
        for (ptrdiff_t k = 0; k < interleaved; ++k)
#pragma omp simd
            for (ptrdiff_t j = 0; j < chunk; ++j) results[k][j] = function(i + k * chunk + j);
        NPFUSE_UNROLL
        for (ptrdiff_t k = 0; k < interleaved; ++k)
#pragma omp simd
            for (ptrdiff_t j = 0; j < chunk; ++j) y[i + k * chunk + j] = results[k][j];
    };
    const ptrdiff_t whole = for_whole_chunks<max_interleaved, T>(n, write);
    // The last ones, if they are not few, are computed with some before them for the second time, in a vector, unless
    // that would be of what is already a result.
    if (n - whole > chunk / 8 && n >= chunk && !overwrites_input) return write.template operator()<1>(n - chunk);
#pragma omp simd
    for (ptrdiff_t i = whole; i < n; ++i) y[i] = function(i);
}

// The elements of an expression in a block of a row, to y.
template <class Expression, class Place, class T>
NPFUSE_FORMULA void write_elements(const Expression& expression, const Place& place, ptrdiff_t n, T* y) {
    if constexpr (is_replaced<Expression>) {
        write_elements(expression.expression, place, n, y);
        const ptrdiff_t i = ptrdiff_t(expression.where.at(place)(0)) - place.begin;
        if (0 <= i && i < n) y[i] = T(expression.value.at(place)(0));
    } else if constexpr (Expression::is_costly) {
        write_interleaved(expression.at(place), y, n, place.is_input(y));
    } else {
        const auto function = expression.at(place);
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) y[i] = function(i);
    }
}

// Whether elements are written to memory first and summed then.
template <class Expression>
inline constexpr bool is_summed_from_memory = Expression::is_costly || is_replaced<Expression>;

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

// The largest of some numbers and of those before. NaN may be passed over: the sums that follow find it.
template <class T>
inline T larger_maximum(T maximum, const T* x, ptrdiff_t n) {
    if (n < lane_count) {
        for (ptrdiff_t i = 0; i < n; ++i) maximum = x[i] > maximum ? x[i] : maximum;
        return maximum;
    }
    T lanes[lane_count];
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lanes[lane] = maximum;
    for (ptrdiff_t i = 0; i + lane_count <= n; i += lane_count) keep_larger<lane_count>(lanes, x + i);
    keep_larger<lane_count>(lanes, x + n - lane_count);  // some for the second time, which changes nothing
    return largest_of<lane_count / 2>(lanes);
}

NPFUSE_FORMULAS_END
