// A parameter that is one number: what is legal, and what is said of everything else. Parameters given as arrays are
// data and are not checked.
#pragma once

#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

inline bool is_python_number(PyObject* object) { return PyFloat_CheckExact(object) || PyLong_CheckExact(object); }

// The value of anything that is a real number: Python's and NumPy's, but no bool, text or complex number. Throws
// py::type_error for anything else.
double real_number(PyObject* argument, const char* name);

// Throws py::type_error for what is neither a number nor may be an array of numbers: None, bool, text, complex numbers.
void check_may_be_array(PyObject* argument, const char* name);

// Throws py::value_error unless the value lies in the parameter's domain and the computing type, which is float for
// half types, can hold it: a finite number must not become infinite there, only 0 may become 0, and a positive number
// must have a reciprocal. Nothing depends on the caller's floating-point environment.
void check_parameter(double value, const Parameter& parameter, bool computed_in_double);

// The same of an array that must not be negative, given its smallest element; infinity is data there.
void check_array_domain(double smallest, const Parameter& operand);

// Rounded to nearest, whatever the caller's floating-point environment.
float rounded_to_float(double value);

}  // namespace npfuse::bind
