// A bias added and an activation applied in one pass: the sum lives in a block in the L1 cache, never in memory.
#pragma once

#include "../table.h"
#include "elementwise.h"
#include "pieces.h"

NPFUSE_FORMULAS_BEGIN

// Operands of the forward pass: x, bias, parameters..., y; of the backward pass: dy, x, bias, parameters..., dx, and
// then dx is added to column_sums, row after row.
template <class S, class P = S>
void run_bias(const Elementwise& kernel, char* const* operands, const ptrdiff_t* row_strides,
              const ptrdiff_t* element_strides, ptrdiff_t rows, ptrdiff_t columns, double* column_sums) {
    using T = compute_t<S>;
    const int x_index = column_sums ? 1 : 0, bias_index = x_index + 1, output_index = kernel.inputs + 1;
    MatrixOperand matrix[max_operands];
    bool same_in_every_row = true;
    for (int i = 0; i <= output_index; ++i) {
        matrix[i] = {operands[i], row_strides[i], element_strides[i]};
        if (i >= bias_index && i < output_index && row_strides[i] != 0) same_in_every_row = false;
    }
    BlockBuffers<T> buffers(output_index);
    T* const biased = buffers[x_index];
    // Short rows that share bias and parameters run many at a time, and load those two once.
    const bool many = same_in_every_row && columns <= buffers.length / 2;
    const ptrdiff_t rows_at_once = many ? buffers.length / columns : 1;

    const T* blocks[max_operands];
    for (ptrdiff_t row = 0; row < rows; row += rows_at_once) {
        for (ptrdiff_t column = 0; column < columns; column += buffers.length) {
            const Piece piece = {row, column, rows - row < rows_at_once ? rows - row : rows_at_once,
                                 columns - column < buffers.length ? columns - column : buffers.length};
            const ptrdiff_t count = piece.count();
            for (int i = 0; i <= bias_index; ++i)
                if (i < bias_index || row == 0 || !many) blocks[i] = load_piece<S>(matrix[i], piece, buffers[i]);
            for (int i = bias_index + 1; i < output_index; ++i)
                if (row == 0 || !many) blocks[i] = load_piece<P>(matrix[i], piece, buffers[i]);
#pragma omp simd
            for (ptrdiff_t i = 0; i < count; ++i) biased[i] = blocks[x_index][i] + blocks[bias_index][i];

            // The kernel's inputs are the operands with x and the bias become one.
            const T* inputs[max_operands];
            for (int i = 0, k = 0; i < output_index; ++i)
                if (i != bias_index) inputs[k++] = i == x_index ? biased : blocks[i];
            T* output = biased;  // a result takes the place of its own sum
            const bool in_place = __is_same(S, T) && (piece.rows == 1 ? matrix[output_index].element_stride == sizeof(S)
                                                                      : matrix[output_index].is_flat<S>(columns));
            if (in_place) output = reinterpret_cast<T*>(matrix[output_index].at(row, column));
            run_contiguous<T>(kernel, inputs, &output, count);
            if (!in_place) store_piece<S>(output, matrix[output_index], piece);

            if (column_sums) add_to_column_sums(output, piece, column_sums);
        }
    }
}

NPFUSE_FORMULAS_END
