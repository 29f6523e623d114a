#include "storage.h"

#include "bfloat16.h"
#include "runtime/floating_point.h"

namespace npfuse::bind {

namespace {

PyArray_Descr* new_dtype(Storage storage) {
    switch (storage) {
        case Storage::float16:
            return PyArray_DescrFromType(NPY_HALF);
        case Storage::float32:
            return PyArray_DescrFromType(NPY_FLOAT);
        case Storage::float64:
            return PyArray_DescrFromType(NPY_DOUBLE);
        default:
            Py_INCREF(bfloat16_dtype());
            return bfloat16_dtype();
    }
}

}  // namespace

std::optional<Storage> storage_of(int type_number) {
    switch (type_number) {
        case NPY_HALF:
            return Storage::float16;
        case NPY_FLOAT:
            return Storage::float32;
        case NPY_DOUBLE:
            return Storage::float64;
        default:
            if (type_number >= NPY_USERDEF && type_number == bfloat16_type_number()) return Storage::bfloat16;
            return std::nullopt;
    }
}

std::optional<Storage> storage_of(PyObject* object) {
    if (PyArray_Check(object)) return storage_of(reinterpret_cast<PyArrayObject*>(object));
    if (PyArray_IsScalar(object, Float)) return Storage::float32;
    if (PyArray_IsScalar(object, Double)) return Storage::float64;
    if (PyArray_IsScalar(object, Half)) return Storage::float16;
    if (bfloat16_dtype() && Py_TYPE(object) == bfloat16_dtype()->typeobj) return Storage::bfloat16;
    return std::nullopt;
}

PyObject* array_of_number(PyObject* number, Storage storage) {
    PyArray_Descr* dtype = new_dtype(storage);
    PyObject* array = PyArray_NewFromDescr(&PyArray_Type, dtype, 0, nullptr, nullptr, nullptr, 0, nullptr);
    if (array == nullptr) return nullptr;
    PyArrayObject* target = reinterpret_cast<PyArrayObject*>(array);
    const runtime::FloatingPointGuard guard;  // NumPy rounds as the caller's environment says
    if (PyArray_SETITEM(target, PyArray_BYTES(target), number) == 0) return array;
    Py_DECREF(array);
    return nullptr;
}

}  // namespace npfuse::bind
