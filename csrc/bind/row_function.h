// A generalized ufunc along rows, as Python calls it.
#pragma once

#include "numpy.h"

namespace npfuse::bind {

// A callable that passes arrays and numbers straight on to the ufunc. What the ufunc would get silently wrong goes to
// `row_function_fallback` of the module, called with the ufunc, the arguments and the keywords: inputs that are not
// plain arrays (masked arrays, whose mask it ignores; pandas frames, which hand over their columns as rows) and axes=,
// which may swap the rows and columns of an array that is both input and output.
py::object make_row_function(const py::object& ufunc);

// Defines set_row_function_fallback, which npfuse calls when it is imported.
void register_row_function(py::module_& module);

}  // namespace npfuse::bind
