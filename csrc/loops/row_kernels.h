// Steps along one contiguous row.
#pragma once

#include "../formulas/rows/exponentials.h"
#include "row_blocks.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
inline T row_maximum(const T* x, ptrdiff_t n) {
    return n > 0 ? larger_maximum(x[0], x, n) : -Format<T>::infinity;
}

template <class Terms, class T>
[[gnu::noinline]] void write_terms(const T* x, Terms terms, T* y, ptrdiff_t n) {
    apply_to_all([terms](T each) __attribute__((always_inline)) { return terms.term(each); }, n, y, x);
}

// How many rows are interleaved: as many as a cache holds of them.
inline constexpr ptrdiff_t most_rows_at_once = 8;
inline ptrdiff_t rows_at_once(ptrdiff_t n) {
    return n <= 2 * block_length / most_rows_at_once ? most_rows_at_once : n <= block_length ? 2 : 1;
}

NPFUSE_FORMULAS_END
