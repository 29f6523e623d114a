// Arrays on their way in and out: whatever NumPy takes for an array, checked and seen as a View.
#pragma once

#include <string>

#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

using Array = py::object;  // holds a PyArrayObject

inline PyArrayObject* raw(const Array& array) { return reinterpret_cast<PyArrayObject*>(array.ptr()); }

// How the array's elements are stored, or nothing where no loop takes them.
struct MaybeNumber {
    bool known;
    Number number;
};
MaybeNumber number_of(PyArrayObject* array);

inline bool is_floating(Number number) { return number <= Number::float64; }

// Any array-like as an aligned array in native byte order, of floating numbers; integers promote as for np.exp.
Array floating_array(PyObject* object, const std::string& name);

// Any array-like as an aligned array in native byte order, of floating numbers or integers.
Array number_array(PyObject* object, const std::string& name);

Array scalar_array(double value);

// The array broadcast to `like`'s shape, which broadcasting must not extend.
void view_broadcast(PyArrayObject* array, PyArrayObject* like, const std::string& name, const std::string& like_name,
                    View& view);

inline void view_of(PyArrayObject* array, View& view) { view_broadcast(array, array, "", "", view); }

// A new array of the prediction's shape, dtype and memory order; nothing has touched its memory yet.
Array empty_like(PyArrayObject* pred);

// Checks an out argument: of the prediction's shape and dtype, writable, native, and either one of the inputs itself
// or apart from all of them in memory.
Array checked_out(PyObject* out, PyArrayObject* pred, const Array* inputs, int input_count);

std::string shape_text(PyArrayObject* array);
std::string dtype_text(PyArrayObject* array);

}  // namespace npfuse::bind
