// An optimizer's step over a list of arrays, shared out evenly over threads whatever the sizes.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/walk.h"
#include "table.h"

namespace npfuse::runtime {

struct StepSettings {
    UpdateSettings common;
    const double* own;  // in the order of the optimizer's setting_names
};

struct ArrayUpdate {
    UpdateOperands operands;  // from their first elements on
    std::ptrdiff_t size;
    std::size_t settings;  // which of the StepSettings
    const Walk* walk;      // over parameter, gradient and states; null where their strides say it all
};

void run_updates(const Optimizer& optimizer, std::span<const StepSettings> settings,
                 std::span<const ArrayUpdate> arrays);

}  // namespace npfuse::runtime
