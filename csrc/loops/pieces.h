// A matrix taken in pieces that fit the L1 cache: some whole rows where rows are short, else a part of one row.
#pragma once

#include "storage.h"

NPFUSE_FORMULAS_BEGIN

// One operand of a matrix: where its rows and elements are.
struct MatrixOperand {
    char* first;
    ptrdiff_t row_stride;
    ptrdiff_t element_stride;

    char* at(ptrdiff_t row, ptrdiff_t column) const { return first + row * row_stride + column * element_stride; }
    template <class S>
    bool is_flat(ptrdiff_t columns) const {
        return element_stride == ptrdiff_t(sizeof(S)) && row_stride == columns * ptrdiff_t(sizeof(S));
    }
};

// Some whole rows, or a piece of one row, as one contiguous block.
struct Piece {
    ptrdiff_t row, column, rows, columns;
    ptrdiff_t count() const { return rows * columns; }
};

template <class S>
inline const compute_t<S>* load_piece(const MatrixOperand& operand, const Piece& piece, compute_t<S>* buffer) {
    const char* source = operand.at(piece.row, piece.column);
    if (piece.rows == 1) return load_block<S>(source, operand.element_stride, piece.columns, buffer);
    if (operand.is_flat<S>(piece.columns)) return load_block<S>(source, sizeof(S), piece.count(), buffer);
    for (ptrdiff_t r = 0; r < piece.rows; ++r) {
        compute_t<S>* row = buffer + r * piece.columns;
        const compute_t<S>* loaded =
            load_block<S>(operand.at(piece.row + r, piece.column), operand.element_stride, piece.columns, row);
        if (loaded != row) __builtin_memcpy(row, loaded, size_t(piece.columns) * sizeof *row);
    }
    return buffer;
}

template <class S>
inline void store_piece(const compute_t<S>* block, const MatrixOperand& operand, const Piece& piece) {
    for (ptrdiff_t r = 0; r < piece.rows; ++r)
        store_block<S>(block + r * piece.columns, operand.at(piece.row + r, piece.column), operand.element_stride,
                       piece.columns);
}

// Adds the rows of a block to the sums of their columns, one after the other, two of them for each visit to a sum.
template <class T>
inline void add_to_column_sums(const T* block, const Piece& piece, double* column_sums) {
    double* sums = column_sums + piece.column;
    const ptrdiff_t columns = piece.columns;
    ptrdiff_t r = 0;
    for (; r + 2 <= piece.rows; r += 2) {
        const T *first = block + r * columns, *second = first + columns;
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) sums[c] = (sums[c] + double(first[c])) + double(second[c]);
    }
    if (r == piece.rows) return;
    const T* last = block + r * columns;
#pragma omp simd
    for (ptrdiff_t c = 0; c < columns; ++c) sums[c] += double(last[c]);
}

NPFUSE_FORMULAS_END
