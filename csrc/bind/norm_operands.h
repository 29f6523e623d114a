// NumPy arrays whose common norm is wanted.
#pragma once

#include <memory>
#include <vector>

#include "operand.h"
#include "runtime/norm.h"

namespace npfuse::bind {

class NormOperands {
public:
    // Floating-point arrays, which must outlive this.
    explicit NormOperands(const py::tuple& arrays);

    double norm() const { return runtime::global_norm(arrays_); }

private:
    std::vector<runtime::NormArray> arrays_;
    std::vector<std::unique_ptr<runtime::Walk>> walks_;
};

}  // namespace npfuse::bind
