// The gradient of a learnt parameter, summed while dx is written.
#pragma once

#include "../table.h"
#include "elementwise.h"
#include "lanes.h"
#include "pieces.h"

NPFUSE_FORMULAS_BEGIN

template <class S, class P = S>
double run_parameter(const Elementwise& kernel, char* const* operands, const ptrdiff_t* row_strides,
                     const ptrdiff_t* element_strides, ptrdiff_t rows, ptrdiff_t columns, double* column_sums) {
    using T = compute_t<S>;
    constexpr int inputs = 3, dx = 3;
    MatrixOperand matrix[dx + 1];
    for (int i = 0; i <= dx; ++i) matrix[i] = {operands[i], row_strides[i], element_strides[i]};
    BlockBuffers<T> buffers(inputs + 2);
    const ptrdiff_t rows_at_once = columns <= buffers.length / 2 ? buffers.length / columns : 1;

    LaneSum sum;
    for (ptrdiff_t row = 0; row < rows; row += rows_at_once) {
        for (ptrdiff_t column = 0; column < columns; column += buffers.length) {
            const Piece piece = {row, column, rows - row < rows_at_once ? rows - row : rows_at_once,
                                 columns - column < buffers.length ? columns - column : buffers.length};
            const T* const blocks[inputs] = {load_piece<S>(matrix[0], piece, buffers[0]),
                                             load_piece<S>(matrix[1], piece, buffers[1]),
                                             load_piece<P>(matrix[2], piece, buffers[2])};
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
