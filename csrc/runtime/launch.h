// A kernel on its way to memory: the floating-point environment set, the work split over threads, the loop of the
// chosen instruction set called.
#pragma once

#include <cstddef>

#include "table.h"

namespace npfuse::runtime {

void run_elementwise(const Elementwise& kernel, Storage storage, char* const* operands, const std::ptrdiff_t* strides,
                     std::ptrdiff_t n);

}  // namespace npfuse::runtime
