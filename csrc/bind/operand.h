// NumPy arrays as operands that are read and written in place.
#pragma once

#include "arrays.h"
#include "dtypes.h"
#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

inline PyArrayObject* as_array(PyObject* object) { return reinterpret_cast<PyArrayObject*>(object); }

// A name is put together where something is wrong, and not before: there are a thousand of them in a step.
template <class Name>
PyArrayObject* array_or_throw(const py::handle& object, const Name& name) {
    PyObject* array = object.ptr();
    if (!PyArray_Check(array)) throw py::type_error(name() + " must be a NumPy array, got " + Py_TYPE(array)->tp_name);
    if (!PyArray_CheckExact(array) && is_masked(array))
        throw py::type_error(name() + " must be an array without a mask, got " + Py_TYPE(array)->tp_name);
    return as_array(array);
}

// The same objects with NumPy's scalars as arrays without dimensions: what arithmetic makes of such arrays.
py::tuple scalars_to_arrays(const py::tuple& objects);

template <class Name>
DType storage_or_throw(PyArrayObject* array, const Name& name) {
    if (const std::optional<DType> storage = floating_dtype_of(array)) return *storage;
    throw py::type_error(name() + " must be of float16, bfloat16, float32 or float64, got " + dtype_text(array));
}

bool same_shape(PyArrayObject* a, PyArrayObject* b);

// Whether one stride leads through all elements of both arrays, meeting the same ones: both in C order, both in Fortran
// order, or of one dimension.
bool same_dense_order(PyArrayObject* a, PyArrayObject* b);

// The stride is that of an array in C or Fortran order or of one dimension.
Operand operand_of(PyArrayObject* array, DType storage);

}  // namespace npfuse::bind
