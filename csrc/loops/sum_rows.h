// The gradients of a row that was used several times, added in the order in which they came.
#pragma once

#include "operand.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
void sum_rows(const Operand& gradient, const ptrdiff_t* rows, ptrdiff_t count, ptrdiff_t stride, ptrdiff_t n,
              void* sums) {
    static_assert(max_row_sum <= block_length);
    Block<double> total, buffer;
    for (ptrdiff_t i = 0; i < n; ++i) total.numbers[i] = 0;
    for (ptrdiff_t row = 0; row < count; ++row) {
        Operand shifted = gradient;
        shifted.data += (rows[row] - rows[0]) * stride;
        const double* numbers = load(shifted, 0, n, buffer.numbers);
        for (ptrdiff_t i = 0; i < n; ++i) total.numbers[i] += numbers[i];
    }
    for (ptrdiff_t i = 0; i < n; ++i) static_cast<T*>(sums)[i] = T(total.numbers[i]);
}

NPFUSE_FORMULAS_END
