#include "dtypes.h"

#include "bfloat16.h"
#include "runtime/floating_point.h"

namespace npfuse::bind {

namespace {

PyArray_Descr* new_dtype(DType storage) {
    switch (storage) {
        case DType::float16:
            return PyArray_DescrFromType(NPY_HALF);
        case DType::float32:
            return PyArray_DescrFromType(NPY_FLOAT);
        case DType::float64:
            return PyArray_DescrFromType(NPY_DOUBLE);
        default:
            Py_INCREF(bfloat16_dtype());
            return bfloat16_dtype();
    }
}

DType integer_of(int type_number, npy_intp size) {
    const bool is_signed = PyTypeNum_ISSIGNED(type_number);
    switch (size) {
        case 1:
            return is_signed ? DType::int8 : DType::uint8;
        case 2:
            return is_signed ? DType::int16 : DType::uint16;
        case 4:
            return is_signed ? DType::int32 : DType::uint32;
        default:
            return is_signed ? DType::int64 : DType::uint64;
    }
}

}  // namespace

std::optional<DType> unusual_dtype_of(PyArrayObject* array) {
    const int type_number = PyArray_TYPE(array);
    if (PyTypeNum_ISINTEGER(type_number)) return integer_of(type_number, PyArray_ITEMSIZE(array));
    if (PyTypeNum_ISBOOL(type_number)) return DType::uint8;
    return floating_dtype_of(type_number);
}

std::optional<DType> floating_dtype_of(int type_number) {
    switch (type_number) {
        case NPY_HALF:
            return DType::float16;
        case NPY_FLOAT:
            return DType::float32;
        case NPY_DOUBLE:
            return DType::float64;
        default:
            if (type_number >= NPY_USERDEF && type_number == bfloat16_type_number()) return DType::bfloat16;
            return std::nullopt;
    }
}

std::optional<DType> floating_dtype_of(PyObject* object) {
    if (PyArray_Check(object)) return floating_dtype_of(reinterpret_cast<PyArrayObject*>(object));
    if (PyArray_IsScalar(object, Float)) return DType::float32;
    if (PyArray_IsScalar(object, Double)) return DType::float64;
    if (PyArray_IsScalar(object, Half)) return DType::float16;
    if (bfloat16_dtype() && Py_TYPE(object) == bfloat16_dtype()->typeobj) return DType::bfloat16;
    return std::nullopt;
}

PyObject* array_of_number(PyObject* number, DType storage) {
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
