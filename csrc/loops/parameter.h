// The gradient of a learnt parameter, summed while dx is written.
#pragma once

#include "../table.h"
#include "elementwise.h"
#include "lanes.h"
#include "pieces.h"

NPFUSE_FORMULAS_BEGIN

template <class S>
double run_parameter(const Elementwise& kernel, char* const* operands, const ptrdiff_t* row_strides,
                     const ptrdiff_t* element_strides, ptrdiff_t rows, ptrdiff_t columns, double* column_sums) {
    using T = compute_t<S>;
    constexpr int inputs = 3, dx = 3;
    MatrixOperand matrix[dx + 1];
    for (int i = 0; i <= dx; ++i) matrix[i] = {operands[i], row_strides[i], element_strides[i]};
    const ptrdiff_t rows_at_once = columns <= block_length / 2 ? block_length / columns : 1;

    alignas(64) T buffers[inputs + 2][block_length];
    LaneSum sum;
    for (ptrdiff_t row = 0; row < rows; row += rows_at_once) {
        for (ptrdiff_t column = 0; column < columns; column += block_length) {
            const Piece piece = {row, column, rows - row < rows_at_once ? rows - row : rows_at_once,
                                 columns - column < block_length ? columns - column : block_length};
            const T* blocks[inputs];
            for (int i = 0; i < inputs; ++i) blocks[i] = load_piece<S>(matrix[i], piece, buffers[i]);
            T* outputs[2] = {buffers[dx], buffers[dx + 1]};
            run_contiguous<T>(kernel, blocks, outputs, piece.count());
            store_piece<S>(outputs[0], matrix[dx], piece);
            if (column_sums)
                add_to_column_sums(outputs[1], piece, column_sums);
            else
                sum.add(outputs[1], piece.count());
        }
    }
    return sum.total();
}

NPFUSE_FORMULAS_END
