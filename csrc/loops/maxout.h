// The largest of a few pieces, and its gradient given back to the piece that won.
#pragma once

#include "../table.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

// The first NaN wins and stays; of equal pieces the first.
template <class S>
void run_maxout(char* const* operands, const ptrdiff_t* strides, ptrdiff_t n, ptrdiff_t pieces,
                ptrdiff_t piece_stride) {
    using T = compute_t<S>;
    alignas(64) T buffer[block_length], best[block_length];
    alignas(64) int32_t winner[block_length];
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
        const char* x = operands[0] + begin * strides[0];
        const T* first = load_block<S>(x, strides[0], count, best);
        for (ptrdiff_t i = 0; i < count; ++i) {
            best[i] = first[i];
            winner[i] = 0;
        }
        for (ptrdiff_t piece = 1; piece < pieces; ++piece) {
            const T* next = load_block<S>(x + piece * piece_stride, strides[0], count, buffer);
#pragma omp simd
            for (ptrdiff_t i = 0; i < count; ++i) {
                const bool wins = !(next[i] <= best[i]) & (best[i] == best[i]);
                best[i] = wins ? next[i] : best[i];
                winner[i] = wins ? int32_t(piece) : winner[i];
            }
        }
        store_block<S>(best, operands[1] + begin * strides[1], strides[1], count);
        char* index = operands[2] + begin * strides[2];
        for (ptrdiff_t i = 0; i < count; ++i) *reinterpret_cast<int32_t*>(index + i * strides[2]) = winner[i];
    }
}

template <class S>
void run_maxout_backward(char* const* operands, const ptrdiff_t* strides, ptrdiff_t n, ptrdiff_t pieces,
                         ptrdiff_t piece_stride) {
    using T = compute_t<S>;
    alignas(64) T buffer[block_length], part[block_length];
    alignas(64) int32_t winner[block_length];
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
        const T* dy = load_block<S>(operands[0] + begin * strides[0], strides[0], count, buffer);
        const char* index = operands[1] + begin * strides[1];
        for (ptrdiff_t i = 0; i < count; ++i) winner[i] = *reinterpret_cast<const int32_t*>(index + i * strides[1]);
        for (ptrdiff_t piece = 0; piece < pieces; ++piece) {
#pragma omp simd
            for (ptrdiff_t i = 0; i < count; ++i) part[i] = winner[i] == int32_t(piece) ? dy[i] : T(0);
            store_block<S>(part, operands[2] + begin * strides[2] + piece * piece_stride, strides[2], count);
        }
    }
}

NPFUSE_FORMULAS_END
