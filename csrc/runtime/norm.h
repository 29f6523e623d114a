// The Euclidean norm of all numbers of several arrays together, in one fixed order whatever threads there are, and what
// brings it down.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "runtime/strided_iterator.h"
#include "table.h"

namespace npfuse::runtime {

struct NormArray {
    Operand operand;  // from its first element on
    std::ptrdiff_t size;
    const StridedIterator* iterator;  // null where the operand's stride says it all
};

// Not finite where a number isn't.
double global_norm(std::span<const NormArray> arrays);

// Multiplies every number by max_norm / norm where the norm is finite and larger; returns the norm. The product is
// taken in double and rounded once.
double clip_by_global_norm(std::span<const NormArray> arrays, double max_norm);

// The factor, made smaller where numbers of this norm, multiplied by it, would have a norm above max_norm; nothing
// where that is not finite.
std::optional<double> clipped_factor(double factor, double norm, double max_norm);

}  // namespace npfuse::runtime
