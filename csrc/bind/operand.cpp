#include "operand.h"

namespace npfuse::bind {

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

Operand operand_of(PyArrayObject* array, Storage storage) {
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
