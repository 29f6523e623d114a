// The Euclidean norm of all numbers of several arrays together, in one fixed order whatever threads there are.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/walk.h"
#include "table.h"

namespace npfuse::runtime {

struct NormArray {
    Operand operand;  // from its first element on
    std::ptrdiff_t size;
    const Walk* walk;  // null where the operand's stride says it all
};

// Not finite where a number isn't.
double global_norm(std::span<const NormArray> arrays);

}  // namespace npfuse::runtime
