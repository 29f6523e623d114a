#include "operand.h"

namespace npfuse::bind {

py::tuple scalars_to_arrays(const py::tuple& objects) {
    const auto is_scalar = [](const py::handle& object) {
        return !PyArray_Check(object.ptr()) && PyArray_IsScalar(object.ptr(), Generic);
    };
    bool all_arrays = true;
    for (std::size_t i = 0; i < objects.size(); ++i) all_arrays &= PyArray_Check(PyTuple_GET_ITEM(objects.ptr(), i));
    if (all_arrays) return objects;
    py::tuple arrays(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
        py::object object = objects[i];
        if (is_scalar(object)) {
            PyObject* array = PyArray_FROM_O(object.ptr());
            if (array == nullptr) throw py::error_already_set();
            object = py::reinterpret_steal<py::object>(array);
        }
        arrays[i] = object;
    }
    return arrays;
}

bool same_shape(PyArrayObject* a, PyArrayObject* b) {
    if (PyArray_NDIM(a) != PyArray_NDIM(b)) return false;
    bool same = true;
    for (int d = 0; d < PyArray_NDIM(a); ++d) same &= PyArray_DIM(a, d) == PyArray_DIM(b, d);
    return same;
}

bool same_dense_order(PyArrayObject* a, PyArrayObject* b) {
    const int common = PyArray_FLAGS(a) & PyArray_FLAGS(b);
    return (common & (NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS)) != 0 || PyArray_NDIM(a) == 1;
}

Operand operand_of(PyArrayObject* array, DType storage) {
    const bool strided = PyArray_NDIM(array) == 1 && !PyArray_IS_C_CONTIGUOUS(array);
    return {
        .data = PyArray_BYTES(array),
        .stride = strided ? PyArray_STRIDE(array, 0) : PyArray_ITEMSIZE(array),
        .storage = storage,
        .swapped = PyArray_ISBYTESWAPPED(array),
        .aligned = PyArray_ISALIGNED(array),
    };
}

}  // namespace npfuse::bind
