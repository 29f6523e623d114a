// Arguments as CPython's fast calling convention passes them, sorted into one slot per name.
#pragma once

#include <string>
#include <vector>

#include "numpy.h"

namespace npfuse::bind {

class Signature {
public:
    // The first `positional` names may be given by position, the first `required` must be given.
    Signature(std::string function, std::vector<std::string> names, int positional, int required);

    // Borrowed references, null where an argument was left out. Throws py::type_error as Python itself would.
    void sort(PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject** slots) const;

    const std::string& function() const { return function_; }
    std::size_t size() const { return names_.size(); }

private:
    std::size_t position_of(PyObject* keyword) const;

    std::string function_;
    std::vector<PyObject*> names_;  // interned, so that a pointer comparison nearly always decides
    std::size_t positional_, required_;
};

}  // namespace npfuse::bind
