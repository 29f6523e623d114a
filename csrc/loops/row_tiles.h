// Rows of any layout, a tile of them at a time, into contiguous rows or transposed, and
// back.
#pragma once

#include "transpose.h"
#include "views.h"

NPFUSE_FORMULAS_BEGIN

// Rows of at most so many elements are transposed; of doubles as many as keep a tile of them on a small stack.
template <class T>
inline constexpr ptrdiff_t narrow_limit = sizeof(T) == 4 ? 111 : 96;

// Whether rows lie a step apart in memory, whichever tile is asked for.
inline bool has_one_step(const RowView& rows) { return rows.starts.dimensions == 1; }

// Addresses of rows [first, first + count).
inline void row_starts(const RowView& rows, ptrdiff_t first, ptrdiff_t count, char** starts) {
    if (has_one_step(rows)) {
        for (ptrdiff_t r = 0; r < count; ++r) starts[r] = rows.starts.data + (first + r) * rows.starts.strides[0];
        return;
    }
    for_each_run(rows.starts, first, count, [&](char* start, ptrdiff_t stride, ptrdiff_t position, ptrdiff_t n) {
        for (ptrdiff_t i = 0; i < n; ++i) starts[position + i] = start + i * stride;
    });
}

template <class T>
inline bool has_direct_rows(const RowView& rows) {
    return rows.stride == ptrdiff_t(sizeof(T)) && rows.starts.dtype == dtype_of<T>;
}

// Where rows a step apart in memory are nearer to each other than the elements of one, a tile of them is read
// and written across, so that each cache line is used whole.
inline bool is_across(const RowView& rows, char* const* starts, ptrdiff_t count, ptrdiff_t* step) {
    *step = count > 1 ? starts[1] - starts[0] : 0;
    for (ptrdiff_t r = 2; r < count && !has_one_step(rows); ++r)
        if (starts[r] - starts[r - 1] != *step) return false;
    const ptrdiff_t between = *step < 0 ? -*step : *step, along = rows.stride < 0 ? -rows.stride : rows.stride;
    return count > 1 && between < along;
}

template <class T>
inline void load_rows(const RowView& rows, char* const* starts, ptrdiff_t count, ptrdiff_t n, T* tile) {
    const DType dtype = rows.starts.dtype;
    ptrdiff_t step;
    if (!is_across(rows, starts, count, &step)) {
        for (ptrdiff_t r = 0; r < count; ++r) load_dtype(dtype, starts[r], rows.stride, tile + r * n, n);
        return;
    }
    for (ptrdiff_t i = 0; i < n; ++i) {
        T column[row_loss_tile];
        load_dtype(dtype, starts[0] + i * rows.stride, step, column, count);
        for (ptrdiff_t r = 0; r < count; ++r) tile[r * n + i] = column[r];
    }
}

template <class T>
inline void store_rows(const T* tile, const RowView& rows, char* const* starts, ptrdiff_t count, ptrdiff_t n) {
    const DType dtype = rows.starts.dtype;
    ptrdiff_t step;
    if (!is_across(rows, starts, count, &step)) {
        for (ptrdiff_t r = 0; r < count; ++r) store_dtype(tile + r * n, dtype, starts[r], rows.stride, n);
        return;
    }
    for (ptrdiff_t i = 0; i < n; ++i) {
        T column[row_loss_tile];
        for (ptrdiff_t r = 0; r < count; ++r) column[r] = tile[r * n + i];
        store_dtype(column, dtype, starts[0] + i * rows.stride, step, count);
    }
}

// Element i of every row of a tile.
template <class T>
using TileColumn = T[row_loss_tile];

// By way of copies in the computing type. Not inlined, so that these do not count for the caller's stack frame.
template <class T>
[[gnu::noinline]] void load_converted_transposed(const RowView& rows, char* const* starts, ptrdiff_t count, ptrdiff_t n,
                                                 TileColumn<T>* tile) {
    alignas(64) T copies[row_loss_tile][narrow_limit<T>];
    const T* sources[row_loss_tile];
    for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
        if (r < count) load_dtype(rows.starts.dtype, starts[r], rows.stride, copies[r], n);
        sources[r] = copies[r < count ? r : 0];
    }
    transpose_rows(sources, n, tile);
}

template <class T>
[[gnu::noinline]] void store_converted_transposed(const TileColumn<T>* tile, const RowView& rows, char* const* starts,
                                                  ptrdiff_t count, ptrdiff_t n) {
    alignas(64) T copies[row_loss_tile][narrow_limit<T>];
    T* targets[row_loss_tile];
    for (ptrdiff_t r = 0; r < row_loss_tile; ++r) targets[r] = copies[r];
    transpose_columns(tile, n, targets);
    for (ptrdiff_t r = 0; r < count; ++r) store_dtype(copies[r], rows.starts.dtype, starts[r], rows.stride, n);
}

// Rows that a tile has beyond count are copies of the first.
template <class T>
inline void load_transposed(const RowView& rows, ptrdiff_t first, ptrdiff_t count, ptrdiff_t n, TileColumn<T>* tile) {
    char* starts[row_loss_tile];
    row_starts(rows, first, count, starts);
    ptrdiff_t step;
    if (is_across(rows, starts, count, &step)) {
        for (ptrdiff_t i = 0; i < n; ++i) {
            load_dtype(rows.starts.dtype, starts[0] + i * rows.stride, step, tile[i], count);
            for (ptrdiff_t r = count; r < row_loss_tile; ++r) tile[i][r] = tile[i][0];
        }
        return;
    }
    if (!has_direct_rows<T>(rows)) return load_converted_transposed(rows, starts, count, n, tile);
    const T* sources[row_loss_tile];
    for (ptrdiff_t r = 0; r < row_loss_tile; ++r) sources[r] = reinterpret_cast<const T*>(starts[r < count ? r : 0]);
    transpose_rows(sources, n, tile);
}

template <class T>
inline void store_transposed(const TileColumn<T>* tile, const RowView& rows, ptrdiff_t first, ptrdiff_t count,
                             ptrdiff_t n) {
    char* starts[row_loss_tile];
    row_starts(rows, first, count, starts);
    ptrdiff_t step;
    if (is_across(rows, starts, count, &step)) {
        for (ptrdiff_t i = 0; i < n; ++i)
            store_dtype(tile[i], rows.starts.dtype, starts[0] + i * rows.stride, step, count);
        return;
    }
    if (!has_direct_rows<T>(rows)) return store_converted_transposed(tile, rows, starts, count, n);
    T unwanted[narrow_limit<T>];
    T* targets[row_loss_tile];
    for (ptrdiff_t r = 0; r < row_loss_tile; ++r) targets[r] = r < count ? reinterpret_cast<T*>(starts[r]) : unwanted;
    transpose_columns(tile, n, targets);
}

NPFUSE_FORMULAS_END
