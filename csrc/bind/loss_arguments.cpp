#include "loss_arguments.h"

namespace npfuse::bind {

namespace {

bool equals(PyObject* text, const char* expected) { return PyUnicode_CompareWithASCIIString(text, expected) == 0; }

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
    throw py::value_error("reduction must be 'mean', 'sum' or 'none', got " + text_of(argument));
}

double parse_parameter(PyObject* argument, const Parameter& parameter, bool computed_in_double) {
    if (!argument) return parameter.default_value;
    const double value = real_number(argument, parameter.name);
    check_parameter(value, parameter, computed_in_double);
    return value;
}

bool parse_flag(PyObject* argument, const Flag& flag) {
    if (!argument) return flag.default_value;
    if (argument == Py_True) return true;
    if (argument == Py_False) return false;
    throw py::type_error(std::string(flag.name) + " must be True or False, got " + text_of(argument));
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
