// Kernels as NumPy ufuncs.
#pragma once

#include <string>

#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

py::object make_ufunc(const Elementwise& kernel, const std::string& name, const std::string& documentation);

}  // namespace npfuse::bind
