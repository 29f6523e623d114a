// A loss on its way to memory: blocks dealt out to threads, their sums added in order.
#pragma once

#include "table.h"

namespace npfuse::runtime {

// The sum of the values over n elements; writes what outputs the call has. Throws std::bad_alloc.
double run_loss(const Loss& loss, const LossCall& call, std::ptrdiff_t n);

// The same over rows.
double run_row_loss(const RowLoss& loss, const RowLossCall& call, std::ptrdiff_t rows);

// What the targets of a mean weigh, where they are probabilities and classes have weights.
double weigh_probabilities(const RowLossCall& call, std::ptrdiff_t rows);

// The smallest of an array's n numbers, of which NaN is none; infinity where there is no number.
double min_reduce(const View& view, std::ptrdiff_t n);

}  // namespace npfuse::runtime
