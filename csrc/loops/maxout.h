// The largest of a few pieces, and its gradient given back to the piece that won.
#pragma once

#include "../table.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
inline constexpr ptrdiff_t maxout_block = 2048 / sizeof(T);
inline constexpr ptrdiff_t max_neighbours = 4;

// The first NaN wins and stays; of equal pieces the first.
template <class T>
NPFUSE_FORMULA bool wins_over(T next, T best) {
    return !(next <= best) & (best == best);
}

// So many pieces that are neighbours in memory: each set of them is read once, whole vectors of sets at a time.
template <int pieces, class T>
inline void part_neighbours(const T* sets, T (*parts)[maxout_block<T>], ptrdiff_t n) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i)
        for (int piece = 0; piece < pieces; ++piece) parts[piece][i] = sets[i * pieces + piece];
}

template <int pieces, class T>
inline void spread_over_neighbours(const T* dy, const int32_t* winner, T* dx, ptrdiff_t n) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i)
        for (int piece = 0; piece < pieces; ++piece) dx[i * pieces + piece] = winner[i] == piece ? dy[i] : T(0);
}

template <class S>
inline bool are_neighbours(ptrdiff_t stride, ptrdiff_t pieces, ptrdiff_t piece_stride) {
    return 2 <= pieces && pieces <= max_neighbours && piece_stride == ptrdiff_t(sizeof(S)) &&
           stride == pieces * piece_stride;
}

template <class S>
inline void largest_of_pieces(const char* x, ptrdiff_t stride, ptrdiff_t pieces, ptrdiff_t piece_stride,
                              compute_t<S>* best, int32_t* winner, ptrdiff_t n) {
    using T = compute_t<S>;
    alignas(64) T sets[max_neighbours * maxout_block<T>], parts[max_neighbours][maxout_block<T>];
    const bool neighbours = are_neighbours<S>(stride, pieces, piece_stride);
    if (neighbours) {
        const T* loaded = load_block<S>(x, piece_stride, n * pieces, sets);
        if (pieces == 2) part_neighbours<2>(loaded, parts, n);
        if (pieces == 3) part_neighbours<3>(loaded, parts, n);
        if (pieces == 4) part_neighbours<4>(loaded, parts, n);
    }
    const auto part = [&](ptrdiff_t piece) {
        return neighbours ? parts[piece] : load_block<S>(x + piece * piece_stride, stride, n, parts[0]);
    };
    const T* first = part(0);
    for (ptrdiff_t i = 0; i < n; ++i) {
        best[i] = first[i];
        winner[i] = 0;
    }
    for (ptrdiff_t piece = 1; piece < pieces; ++piece) {
        const T* next = part(piece);
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) {
            const bool wins = wins_over(next[i], best[i]);
            best[i] = wins ? next[i] : best[i];
            winner[i] = wins ? int32_t(piece) : winner[i];
        }
    }
}

template <class S>
inline void spread_over_pieces(const compute_t<S>* dy, const int32_t* winner, char* dx, ptrdiff_t stride,
                               ptrdiff_t pieces, ptrdiff_t piece_stride, ptrdiff_t n) {
    alignas(64) compute_t<S> buffer[max_neighbours * maxout_block<compute_t<S>>];
    if (are_neighbours<S>(stride, pieces, piece_stride)) {
        if (pieces == 2) spread_over_neighbours<2>(dy, winner, buffer, n);
        if (pieces == 3) spread_over_neighbours<3>(dy, winner, buffer, n);
        if (pieces == 4) spread_over_neighbours<4>(dy, winner, buffer, n);
        return store_block<S>(buffer, dx, piece_stride, n * pieces);
    }
    for (ptrdiff_t piece = 0; piece < pieces; ++piece) {
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) buffer[i] = winner[i] == int32_t(piece) ? dy[i] : compute_t<S>(0);
        store_block<S>(buffer, dx + piece * piece_stride, stride, n);
    }
}

template <class S>
void run_maxout(char* const* operands, const ptrdiff_t* strides, ptrdiff_t n, ptrdiff_t pieces,
                ptrdiff_t piece_stride) {
    constexpr ptrdiff_t block = maxout_block<compute_t<S>>;
    alignas(64) compute_t<S> best[block];
    alignas(64) int32_t winner[block];
    for (ptrdiff_t begin = 0; begin < n; begin += block) {
        const ptrdiff_t count = n - begin < block ? n - begin : block;
        largest_of_pieces<S>(operands[0] + begin * strides[0], strides[0], pieces, piece_stride, best, winner, count);
        store_block<S>(best, operands[1] + begin * strides[1], strides[1], count);
        if (!operands[2]) continue;
        char* index = operands[2] + begin * strides[2];
        for (ptrdiff_t i = 0; i < count; ++i) *reinterpret_cast<int32_t*>(index + i * strides[2]) = winner[i];
    }
}

template <class S>
void run_maxout_backward(char* const* operands, const ptrdiff_t* strides, ptrdiff_t n, ptrdiff_t pieces,
                         ptrdiff_t piece_stride) {
    constexpr ptrdiff_t block = maxout_block<compute_t<S>>;
    alignas(64) compute_t<S> buffer[block];
    alignas(64) int32_t winner[block];
    for (ptrdiff_t begin = 0; begin < n; begin += block) {
        const ptrdiff_t count = n - begin < block ? n - begin : block;
        const compute_t<S>* dy = load_block<S>(operands[0] + begin * strides[0], strides[0], count, buffer);
        const char* index = operands[1] + begin * strides[1];
        for (ptrdiff_t i = 0; i < count; ++i) winner[i] = *reinterpret_cast<const int32_t*>(index + i * strides[1]);
        spread_over_pieces<S>(dy, winner, operands[2] + begin * strides[2], strides[2], pieces, piece_stride, count);
    }
}

NPFUSE_FORMULAS_END
