// A square of numbers, as wide as a vector, turned about its diagonal.
#pragma once

#include <stddef.h>

#include "indices.h"

NPFUSE_FORMULAS_BEGIN

#if defined(__AVX512F__)
inline constexpr int line_bytes = 64;
#elif defined(__AVX__)
inline constexpr int line_bytes = 32;
#else
inline constexpr int line_bytes = 16;
#endif

template <class T>
inline constexpr int square_size = line_bytes / sizeof(T);

template <class T>
class Square {
public:
    [[gnu::always_inline]] void load(int i, const T* source) { __builtin_memcpy(&lines_[i], source, line_bytes); }
    [[gnu::always_inline]] void store(int i, T* target) const { __builtin_memcpy(target, &lines_[i], line_bytes); }

    // Squares of two by two, then of four by four, and so on, change places across the diagonal.
    template <int step = 1>
    [[gnu::always_inline]] void transpose() {
#ifndef __CUDACC__  // which does not know it, and transposes nothing
#pragma GCC unroll 16
#endif
        for (int i = 0; i < size; ++i)
            if (!(i & step)) exchange<step>(lines_[i], lines_[i + step], typename IndicesUpTo<size>::type());
        if constexpr (2 * step < size) transpose<2 * step>();
    }

private:
    static constexpr int size = square_size<T>;
    typedef T Line __attribute__((vector_size(line_bytes)));

    template <int step, int... lane>
    [[gnu::always_inline]] static void exchange(Line& a, Line& b, Indices<lane...>) {
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
        typedef typename Format<T>::SignedBits Places __attribute__((vector_size(line_bytes)));
        return __builtin_shuffle(a, b, Places{place...});
#endif
    }

    Line lines_[size];
};

NPFUSE_FORMULAS_END
