// What stands between C++ and a caller that is C.
#pragma once

#include <exception>
#include <new>

#include "numpy.h"

namespace npfuse::bind {

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

}  // namespace npfuse::bind
