// What elementwise and row losses have in common in their calls.
#pragma once

#include <optional>
#include <string>

#include "arguments.h"
#include "arrays.h"
#include "gil.h"
#include "guarded.h"
#include "numpy.h"
#include "parameter.h"
#include "table.h"

namespace npfuse::bind {

enum class Reduction { none, mean, sum };

// Missing means "mean".
Reduction parse_reduction(PyObject* argument);

// Missing means the default.
double parse_parameter(PyObject* argument, const Parameter& parameter, bool computed_in_double);
bool parse_flag(PyObject* argument, const Flag& flag);

inline bool is_given(PyObject* argument) { return argument && argument != Py_None; }

// What a call gives back, of the value, the gradient, or both.
enum class Result { value, gradient, both };

// The value: values where there are any, else the number. An array of no dimension comes back as a scalar, as from
// NumPy's own functions, but not an array that the caller gave as out.
PyObject* pack_result(Result wanted, double value, Array values, std::optional<GradientArray> gradient, PyObject* out);

// Elements from which on a loss is worth letting other Python threads run.
inline constexpr Py_ssize_t worth_releasing_gil = 500;

}  // namespace npfuse::bind
