// Kernels as NumPy ufuncs and generalised ufuncs.
#pragma once

#include <string>

#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

// The ufuncs of one operation with parameters. They differ for half types alone: for_arrays takes parameters stored as
// the other operands are, for_numbers takes them as float, as half types compute, so that a Python number is not
// rounded to the half type. The latter is null where there are no parameters.
struct ParametricUfuncs {
    py::object for_arrays, for_numbers;
};

py::object make_ufunc(const Elementwise& kernel, const std::string& name, const std::string& documentation);
ParametricUfuncs make_parametric_ufuncs(const Elementwise& kernel, const std::string& name,
                                        const std::string& documentation);

// Along an axis, the last one unless the caller says axis=.
py::object make_row_ufunc(const RowKernel& kernel, const std::string& name, const std::string& documentation);

// (n),(n),()... -> (n): x, bias and the activation's parameters.
ParametricUfuncs make_bias_ufuncs(const Activation& activation);

// (m,n),(m,n),(n),()... -> (m,n),(n): dy, x, bias and the parameters; dx, and its sum over the rows in float64.
ParametricUfuncs make_bias_backward_ufuncs(const Activation& activation);

// dy, x, parameter; dx, and the parameter's gradient in float64. (m,n),(m,n),(n) -> (m,n),(n) for a parameter per
// column, (n),(n),() -> (n),() for one per row.
ParametricUfuncs make_column_parameter_ufuncs(const Activation& activation);
ParametricUfuncs make_row_parameter_ufuncs(const Activation& activation);

// (p) -> (),(): the largest of the pieces and its index; (),() -> (p): its gradient, into out=, which says how many
// pieces there are.
py::object make_maxout_ufunc();
py::object make_maxout_values_ufunc();
py::object make_maxout_backward_ufunc();

}  // namespace npfuse::bind
