// An optimizer's step over a list of arrays, shared out evenly over threads whatever the sizes.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/strided_iterator.h"
#include "table.h"

namespace npfuse::runtime {

struct StepSettings {
    UpdateSettings common;
    const double* own;  // in the order of the optimizer's setting_names
};

struct ArrayUpdate {
    UpdateOperands operands;  // from their first elements on
    std::ptrdiff_t size;
    std::size_t settings;             // which of the StepSettings
    const StridedIterator* iterator;  // over parameter, gradient, states and copy; null where their strides say it all
};

// A row of a table, and which of the given gradients are its own.
struct RowGradients {
    std::ptrdiff_t row;
    std::span<const std::ptrdiff_t> given;
};

// Some rows of an array. The operands are those of row 0 and of the first given gradient.
struct RowUpdate {
    ArrayUpdate row;
    StridedIterator::Bytes row_strides;  // of the operands, in the order of the iterator's
    std::span<const RowGradients> rows;
};

// Every gradient is multiplied by the factor.
void run_updates(const Optimizer& optimizer, std::span<const StepSettings> settings,
                 std::span<const ArrayUpdate> arrays, double factor);

// Each row's gradients are added first, in the order in which they were given.
void run_row_updates(const Optimizer& optimizer, const StepSettings& settings, const RowUpdate& update, double factor);

}  // namespace npfuse::runtime
