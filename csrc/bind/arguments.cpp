#include "arguments.h"

#include <algorithm>

namespace npfuse::bind {

Signature::Signature(std::string function, std::vector<std::string> names, int positional, int required)
    : function_(std::move(function)),
      positional_(static_cast<std::size_t>(positional)),
      required_(static_cast<std::size_t>(required)) {
    for (const std::string& name : names) names_.push_back(PyUnicode_InternFromString(name.c_str()));
}

std::size_t Signature::position_of(PyObject* keyword) const {
    for (std::size_t i = 0; i < names_.size(); ++i)
        if (names_[i] == keyword) return i;
    for (std::size_t i = 0; i < names_.size(); ++i)
        if (PyUnicode_Compare(names_[i], keyword) == 0) return i;
    std::string known;
    for (PyObject* name : names_) known += (known.empty() ? "" : ", ") + std::string(py::str(name));
    throw py::type_error(function_ + "() got an unexpected keyword argument '" + std::string(py::str(keyword)) +
                         "'; it takes " + known);
}

void Signature::sort(PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject** slots) const {
    const std::size_t given = static_cast<std::size_t>(count);
    if (given > positional_)
        throw py::type_error(function_ + "() takes " + std::to_string(positional_) + " positional arguments but " +
                             std::to_string(given) + " were given");
    std::copy(args, args + given, slots);
    std::fill(slots + given, slots + names_.size(), nullptr);
    const Py_ssize_t keyword_count = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    for (Py_ssize_t i = 0; i < keyword_count; ++i) {
        PyObject*& slot = slots[position_of(PyTuple_GET_ITEM(keywords, i))];
        if (slot)
            throw py::type_error(function_ + "() got multiple values for argument '" +
                                 std::string(py::str(PyTuple_GET_ITEM(keywords, i))) + "'");
        slot = args[count + i];
    }
    for (std::size_t i = 0; i < required_; ++i)
        if (!slots[i])
            throw py::type_error(function_ + "() missing required argument '" + std::string(py::str(names_[i])) + "'");
}

}  // namespace npfuse::bind
