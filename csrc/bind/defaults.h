// A ufunc whose last inputs are parameters with defaults: leaky_relu(x) for leaky_relu(x, 0.01).
#pragma once

#include <string>

#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

// A callable that passes everything on to the ufunc, with missing parameters filled in and parameters given by name put
// in their places. Its other attributes are the ufunc's.
py::object with_defaults(const py::object& ufunc, int operands, const Span<Parameter>& parameters);

}  // namespace npfuse::bind
