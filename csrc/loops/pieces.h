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

NPFUSE_FORMULAS_END
