#include "parameter.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <string>

#include "bfloat16.h"
#include "runtime/floating_point.h"

namespace npfuse::bind {

namespace {

// Whether float() would take it for a number, though it is none, or only a part of one.
bool is_no_real_number(PyObject* object) {
    if (PyBool_Check(object) || PyArray_IsScalar(object, Bool) || PyArray_IsScalar(object, ComplexFloating))
        return true;
    if (!PyArray_Check(object)) return false;
    PyArrayObject* array = reinterpret_cast<PyArrayObject*>(object);
    const int type = PyArray_TYPE(array);
    const bool is_number = PyTypeNum_ISINTEGER(type) || PyTypeNum_ISFLOAT(type) || type == bfloat16_type_number();
    return !is_number || PyArray_NDIM(array) > 0;
}

bool contains(Domain domain, double value) {
    switch (domain) {
        case Domain::number:
            return true;
        case Domain::extended:
            return !std::isnan(value);
        case Domain::real:
            return std::isfinite(value);
        case Domain::non_negative:
            return value >= 0 && std::isfinite(value);
        case Domain::positive:
            return value > 0 && std::isfinite(value);
        case Domain::positive_or_infinite:
            return value > 0;
        case Domain::unit_interval:
            return value >= 0 && value <= 1;
    }
    return false;
}

const char* words_for(Domain domain) {
    switch (domain) {
        case Domain::number:
            return "a number";
        case Domain::extended:
            return "a number, not NaN";
        case Domain::real:
            return "finite";
        case Domain::non_negative:
            return "finite and at least 0";
        case Domain::positive:
            return "finite and greater than 0";
        case Domain::positive_or_infinite:
            return "greater than 0";
        case Domain::unit_interval:
            return "between 0 and 1";
    }
    return "";
}

[[noreturn]] void refuse(const Parameter& parameter, const std::string& requirement, double value) {
    throw py::value_error(std::string(parameter.name) + " must be " + requirement + ", got " +
                          std::string(py::str(py::float_(value))));
}

}  // namespace

double real_number(PyObject* argument, const char* name) {
    if (PyFloat_CheckExact(argument)) return PyFloat_AS_DOUBLE(argument);
    if (!is_no_real_number(argument)) {
        const double value = PyFloat_AsDouble(argument);
        if (value != -1.0 || !PyErr_Occurred()) return value;
        const bool is_too_large = PyErr_ExceptionMatches(PyExc_OverflowError);
        PyErr_Clear();
        if (is_too_large)
            throw py::value_error(std::string(name) + " must be a number that float64 can hold, got a larger one");
    }
    throw py::type_error(std::string(name) + " must be a real number, got " + std::string(py::repr(argument)));
}

void check_may_be_array(PyObject* argument, const char* name) {
    if (PyArray_CheckExact(argument)) {
        const int type = PyArray_TYPE(reinterpret_cast<PyArrayObject*>(argument));
        if (PyTypeNum_ISFLOAT(type) || PyTypeNum_ISINTEGER(type) || type == bfloat16_type_number()) return;
        const py::handle dtype(reinterpret_cast<PyObject*>(PyArray_DESCR(reinterpret_cast<PyArrayObject*>(argument))));
        throw py::type_error(std::string(name) + " must be of real numbers, got an array of " +
                             std::string(py::str(dtype)));
    }
    if (argument == Py_None || PyBool_Check(argument) || PyComplex_Check(argument) || PyUnicode_Check(argument) ||
        PyBytes_Check(argument) || PyArray_IsScalar(argument, Bool) || PyArray_IsScalar(argument, ComplexFloating))
        throw py::type_error(std::string(name) + " must be a real number or an array, got " +
                             std::string(py::repr(argument)));
}

void check_parameter(double value, const Parameter& parameter, bool computed_in_double) {
    if (!contains(parameter.domain, value)) refuse(parameter, words_for(parameter.domain), value);
    const float rounded = rounded_to_float(value);
    if (!computed_in_double && std::isinf(rounded) && !std::isinf(value))
        refuse(parameter, "at most 3.4028235e+38 in magnitude, the largest float32", value);
    if (parameter.domain == Domain::positive || parameter.domain == Domain::positive_or_infinite) {
        if (!computed_in_double && rounded < FLT_MIN)
            refuse(parameter, "at least 1.1754944e-38, the least normal float32", value);
        if (value < DBL_MIN) refuse(parameter, "at least 2.2250738585072014e-308, the least normal float64", value);
    }
    // By its bits: where the caller has subnormal numbers count as 0, they still are none here.
    if (!computed_in_double && std::bit_cast<std::uint32_t>(rounded) << 1 == 0 && value != 0)
        refuse(parameter, "0 or at least 1e-45 in magnitude, the least float32", value);
}

void check_array_domain(double smallest, const Parameter& operand) {
    if (!(smallest >= 0)) refuse(operand, "at least 0", smallest);
}

float rounded_to_float(double value) {
    const runtime::FloatingPointGuard guard;
    // Accesses to volatile memory stay within the guarded region.
    const volatile double wide = value;
    const volatile float rounded = static_cast<float>(wide);
    return rounded;
}

}  // namespace npfuse::bind
