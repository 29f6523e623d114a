// NumPy arrays as operands that are read and written in place.
#pragma once

#include <optional>

#include "arrays.h"
#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

inline PyArrayObject* as_array(PyObject* object) { return reinterpret_cast<PyArrayObject*>(object); }

// Nothing where the dtype is not one of ours.
std::optional<Storage> storage_of(PyArrayObject* array);

std::string dtype_name(PyArrayObject* array);

bool same_shape(PyArrayObject* a, PyArrayObject* b);

// Whether one stride leads through all elements of both arrays, meeting the same ones: both in C order, both in Fortran
// order, or of one dimension.
bool same_dense_order(PyArrayObject* a, PyArrayObject* b);

// The stride belongs to such an array.
Operand operand_of(PyArrayObject* array, Storage storage);

}  // namespace npfuse::bind
