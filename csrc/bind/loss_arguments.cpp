#include "loss_arguments.h"

namespace npfuse::bind {

namespace {

bool equals(PyObject* text, const char* expected) { return PyUnicode_CompareWithASCIIString(text, expected) == 0; }

bool contains(Domain domain, double value) {
    switch (domain) {
        case Domain::non_negative:
            return value >= 0;
        case Domain::positive:
            return value > 0;
        case Domain::unit_interval:
            return value >= 0 && value <= 1;
        default:
            return true;
    }
}

const char* words_for(Domain domain) {
    switch (domain) {
        case Domain::non_negative:
            return "at least 0";
        case Domain::positive:
            return "greater than 0";
        case Domain::unit_interval:
            return "between 0 and 1";
        default:
            return "a real number";
    }
}

std::string text_of(PyObject* object) { return py::repr(object); }

py::object as_result(Array array) {
    return py::reinterpret_steal<py::object>(PyArray_Return(reinterpret_cast<PyArrayObject*>(array.release().ptr())));
}

}  // namespace

Reduction parse_reduction(PyObject* argument) {
    if (!argument) return Reduction::mean;
    if (PyUnicode_Check(argument)) {
        if (equals(argument, "mean")) return Reduction::mean;
        if (equals(argument, "sum")) return Reduction::sum;
        if (equals(argument, "none")) return Reduction::none;
    }
    throw py::value_error("reduction is " + text_of(argument) + "; it must be 'mean', 'sum' or 'none'");
}

void check_domain(double value, const Parameter& parameter) {
    if (!contains(parameter.domain, value))
        throw py::value_error(std::string(parameter.name) + " is " + std::string(py::str(py::float_(value))) +
                              "; it must be " + words_for(parameter.domain));
}

double parse_parameter(PyObject* argument, const Parameter& parameter) {
    if (!argument) return parameter.default_value;
    const double value = PyFloat_AsDouble(argument);
    if (value == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        throw py::type_error(std::string(parameter.name) + " is " + text_of(argument) + "; it must be a real number");
    }
    check_domain(value, parameter);
    return value;
}

bool parse_flag(PyObject* argument, const Flag& flag) {
    if (!argument) return flag.default_value;
    if (argument == Py_True) return true;
    if (argument == Py_False) return false;
    throw py::type_error(std::string(flag.name) + " is " + text_of(argument) + "; it must be True or False");
}

PyObject* pack_result(Result wanted, double value, Array values, std::optional<GradientArray> gradient, PyObject* out) {
    py::object slope;
    if (gradient) {
        Array complete = std::move(*gradient).result();
        slope = is_given(out) ? std::move(complete) : as_result(std::move(complete));
    }
    if (wanted == Result::gradient) return slope.release().ptr();
    py::object result = values ? as_result(std::move(values)) : py::float_(value);
    if (wanted == Result::value) return result.release().ptr();
    return PyTuple_Pack(2, result.ptr(), slope.ptr());
}

}  // namespace npfuse::bind
