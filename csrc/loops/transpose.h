// Rows of numbers transposed to columns and back, a square as wide as a vector at a time; short rows by smaller
// squares.
#pragma once

#include <stddef.h>

#include "index_sequence.h"

NPFUSE_FORMULAS_BEGIN

#if defined(__AVX512F__)
inline constexpr int line_bytes = 64;
#elif defined(__AVX__)
inline constexpr int line_bytes = 32;
#else
inline constexpr int line_bytes = 16;
#endif

template <class T, int size>
class Square {
public:
    [[gnu::always_inline]] void load(int i, const T* source) { __builtin_memcpy(&lines_[i], source, bytes); }
    [[gnu::always_inline]] void store(int i, T* target) const { __builtin_memcpy(target, &lines_[i], bytes); }

    // Squares of two by two, then of four by four, and so on, change places across the diagonal.
    template <int step = 1>
    [[gnu::always_inline]] void transpose() {
#ifndef __CUDACC__  // which does not know it, and transposes nothing
#pragma GCC unroll 16
#endif
        for (int i = 0; i < size; ++i)
            if (!(i & step)) exchange<step>(lines_[i], lines_[i + step], typename MakeIndexSequence<size>::type());
        if constexpr (2 * step < size) transpose<2 * step>();
    }

private:
    static constexpr int bytes = size * int(sizeof(T));
    typedef T Line __attribute__((vector_size(bytes)));

    template <int step, int... lane>
    [[gnu::always_inline]] static void exchange(Line& a, Line& b, IndexSequence<lane...>) {
        const Line first = chosen<(lane & step ? size + lane - step : lane)...>(a, b);
        b = chosen<(lane & step ? size + lane : lane + step)...>(a, b);
        a = first;
    }

    // Numbers of a, counted from 0, and of b, counted on from there.
    template <int... place>
    [[gnu::always_inline]] static Line chosen(Line a, Line b) {
#if defined(__clang__)
        return __builtin_shufflevector(a, b, place...);
#else
        typedef typename Format<T>::SignedBits Places __attribute__((vector_size(bytes)));
        return __builtin_shuffle(a, b, Places{place...});
#endif
    }

    Line lines_[size];
};

// Calls transpose_square(size, i) with the first numbers of the largest squares that rows of n numbers are long enough
// for: the last one overlaps the one before. Calls one_by_one for the numbers of a row too short for any.
template <class T, int size = line_bytes / int(sizeof(T)), class TransposeSquare, class OneByOne>
[[gnu::always_inline]] inline void for_each_square(ptrdiff_t n, TransposeSquare transpose_square, OneByOne one_by_one) {
    constexpr int smallest_line = 16;
    if (n >= size) {
        const auto place = [transpose_square](ptrdiff_t i)
                               __attribute__((always_inline)) { transpose_square(IndexConstant<size>(), i); };
        for (ptrdiff_t i = 0; i < n - size; i += size) place(i);
        place(n - size);
    } else if constexpr (size * int(sizeof(T)) > smallest_line) {
        for_each_square<T, size / 2>(n, transpose_square, one_by_one);
    } else {
        for (ptrdiff_t i = 0; i < n; ++i) one_by_one(i);
    }
}

// Number i of row r to tile[i][r].
template <ptrdiff_t width, class T>
inline void transpose_rows(const T* const* rows, ptrdiff_t n, T (*tile)[width]) {
    const auto transpose_square = [=](auto size, ptrdiff_t i) __attribute__((always_inline)) {
        for (ptrdiff_t r = 0; r < width; r += size) {
            Square<T, size> square;
            for (int k = 0; k < size; ++k) square.load(k, rows[r + k] + i);
            square.transpose();
            for (int k = 0; k < size; ++k) square.store(k, tile[i + k] + r);
        }
    };
    for_each_square<T>(n, transpose_square, [=](ptrdiff_t i) __attribute__((always_inline)) {
        for (ptrdiff_t r = 0; r < width; ++r) tile[i][r] = rows[r][i];
    });
}

template <ptrdiff_t width, class T>
inline void transpose_columns(const T (*tile)[width], ptrdiff_t n, T* const* rows) {
    const auto transpose_square = [=](auto size, ptrdiff_t i) __attribute__((always_inline)) {
        for (ptrdiff_t r = 0; r < width; r += size) {
            Square<T, size> square;
            for (int k = 0; k < size; ++k) square.load(k, tile[i + k] + r);
            square.transpose();
            for (int k = 0; k < size; ++k) square.store(k, rows[r + k] + i);
        }
    };
    for_each_square<T>(n, transpose_square, [=](ptrdiff_t i) __attribute__((always_inline)) {
        for (ptrdiff_t r = 0; r < width; ++r) rows[r][i] = tile[i][r];
    });
}

NPFUSE_FORMULAS_END
