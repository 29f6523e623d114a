// Arrays on their way in and out: whatever NumPy takes for an array, checked and seen as a View.
#pragma once

#include <span>
#include <string>

#include "dtypes.h"
#include "numpy.h"
#include "runtime/overlap.h"
#include "table.h"

namespace npfuse::bind {

using Array = py::object;  // holds a PyArrayObject

inline PyArrayObject* raw(const Array& array) { return reinterpret_cast<PyArrayObject*>(array.ptr()); }

// Any array-like as an aligned array in native byte order, of floating numbers; integers promote as for np.exp.
Array floating_array(PyObject* object, const char* name);

// Any array-like as an aligned array in native byte order, of floating numbers or integers.
Array number_array(PyObject* object, const char* name);

Array scalar_array(double value);

// The array broadcast to `like`'s shape, which broadcasting must not extend.
void view_broadcast(PyArrayObject* array, PyArrayObject* like, const char* name, const char* like_name, View& view);

inline void view_of(PyArrayObject* array, View& view) { view_broadcast(array, array, "", "", view); }

// A new array of the prediction's shape, dtype and memory order; nothing has touched its memory yet.
Array empty_like(PyArrayObject* pred);

// Whether the object is a masked array, whose mask no kernel would honour.
bool is_masked(PyObject* object);

runtime::MemoryLayout layout_of(PyArrayObject* array);

// Where a gradient goes: a new array, or the one that the caller gave as out. Results that would overwrite an operand
// before it was read are written to a buffer first.
class GradientArray {
public:
    // Throws unless out, where it is given, is a writeable array of the prediction's shape and dtype. An element of
    // the gradient is written after that element of the elementwise operands was read, but perhaps before the others.
    GradientArray(PyObject* out, PyArrayObject* pred, std::span<const Array> elementwise,
                  std::span<const Array> others);

    // What to write to.
    PyArrayObject* written() const { return raw(written_); }

    // What the caller gets, complete.
    Array result() &&;

private:
    Array written_;
    Array out_;  // null where it is what was written
};

std::string shape_text(PyArrayObject* array);
std::string dtype_text(PyArrayObject* array);

}  // namespace npfuse::bind
