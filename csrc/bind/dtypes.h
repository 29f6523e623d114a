// The dtypes that kernels take, as NumPy knows them.
#pragma once

#include <optional>

#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

// Of an array; nothing where no kernel takes it. A bool counts as uint8. A short call asks several times: the usual
// ones are found inline.
std::optional<DType> unusual_dtype_of(PyArrayObject* array);
inline std::optional<DType> dtype_of(PyArrayObject* array) {
    switch (PyArray_TYPE(array)) {
        case NPY_FLOAT:
            return DType::float32;
        case NPY_DOUBLE:
            return DType::float64;
        default:
            return unusual_dtype_of(array);
    }
}

inline bool is_floating(DType dtype) { return dtype <= DType::float64; }

// Of NumPy's number for a dtype; nothing where results are not stored so.
std::optional<DType> floating_dtype_of(int type_number);

inline std::optional<DType> floating_dtype_of(PyArrayObject* array) { return floating_dtype_of(PyArray_TYPE(array)); }

// Of an array or a NumPy scalar; nothing for any other object.
std::optional<DType> floating_dtype_of(PyObject* object);

// A Python number as an array without dimensions; null, with an exception set, where that cannot be. There must be such
// a type: bfloat16 may be missing.
PyObject* array_of_number(PyObject* number, DType storage);

}  // namespace npfuse::bind
