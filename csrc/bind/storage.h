// The storage types, as NumPy knows them.
#pragma once

#include <optional>

#include "numpy.h"
#include "table.h"

namespace npfuse::bind {

// Of a dtype's number; nothing where it is not one of ours.
std::optional<Storage> storage_of(int type_number);

inline std::optional<Storage> storage_of(PyArrayObject* array) { return storage_of(PyArray_TYPE(array)); }

// Of an array or a NumPy scalar; nothing for any other object.
std::optional<Storage> storage_of(PyObject* object);

// A Python number as an array without dimensions; null, with an exception set, where that cannot be. There must be such
// a type: bfloat16 may be missing.
PyObject* array_of_number(PyObject* number, Storage storage);

}  // namespace npfuse::bind
