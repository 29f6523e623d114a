// NumPy arrays whose common norm is wanted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operand.h"
#include "runtime/norm.h"

namespace npfuse::bind {

// What messages call one of several arrays.
std::string operand_name(std::size_t i);

class NormOperands {
public:
    // Floating-point arrays, which must outlive this.
    explicit NormOperands(const py::tuple& arrays);

    double norm() const { return runtime::global_norm(arrays_); }

    // Scales the arrays down to this norm if theirs is finite and larger; returns theirs. They are writeable.
    double clip(double max_norm) const { return runtime::clip_by_global_norm(arrays_, max_norm); }

private:
    std::vector<runtime::NormArray> arrays_;
    std::vector<std::unique_ptr<runtime::StridedIterator>> iterators_;
};

}  // namespace npfuse::bind
