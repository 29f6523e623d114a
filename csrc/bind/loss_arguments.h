// What elementwise and row losses have in common in their calls.
#pragma once

#include <exception>
#include <new>
#include <optional>
#include <string>

#include "arguments.h"
#include "arrays.h"
#include "gil.h"
#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

enum class Reduction { none, mean, sum };

// Missing means "mean".
Reduction parse_reduction(PyObject* argument);

double parse_parameter(PyObject* argument, const Parameter& parameter);
bool parse_flag(PyObject* argument, const Flag& flag);

inline bool is_given(PyObject* argument) { return argument && argument != Py_None; }

// Throws py::value_error unless the value lies in the parameter's domain. NaN lies in none but the real numbers.
void check_domain(double value, const Parameter& parameter);

// What a call gives back, of the value, the gradient, or both.
enum class Result { value, gradient, both };

// The value: values where there are any, else the number. An array of no dimension comes back as a scalar, as from
// NumPy's own functions, but not an array that the caller gave as out.
PyObject* pack_result(Result wanted, double value, Array values, std::optional<GradientArray> gradient, PyObject* out);

// Runs body() with C++ exceptions turned into Python's, as every function that Python calls must.
template <class Body>
PyObject* guarded(Body body) {
    try {
        return body();
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const py::builtin_exception& error) {
        error.set_error();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

// Elements from which on a loss is worth letting other Python threads run.
inline constexpr Py_ssize_t worth_releasing_gil = 500;

}  // namespace npfuse::bind
