// An array that is kept, and how it was when it was first seen.
#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include "operand.h"

namespace npfuse::bind {

class HeldArray {
public:
    // The object is an array.
    explicit HeldArray(const py::object& object)
        : owner_(object),
          data_(PyArray_DATA(get())),
          dtype_(py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(PyArray_DESCR(get())))),
          dimensions_(PyArray_NDIM(get())),
          shape_and_strides_(new npy_intp[2 * dimensions_]) {
        std::copy_n(PyArray_DIMS(get()), dimensions_, shape_and_strides_.get());
        std::copy_n(PyArray_STRIDES(get()), dimensions_, shape_and_strides_.get() + dimensions_);
    }

    PyArrayObject* get() const { return as_array(owner_.ptr()); }
    std::span<const npy_intp> shape() const { return {shape_and_strides_.get(), std::size_t(dimensions_)}; }
    const npy_intp* strides() const { return shape_and_strides_.get() + dimensions_; }

    // Whether it still is where it was, and may be written to.
    bool is_unchanged() const {
        PyArrayObject* array = get();
        if (PyArray_DATA(array) != data_ || PyArray_NDIM(array) != dimensions_ || !PyArray_ISWRITEABLE(array))
            return false;
        if (!has_its_dtype()) return false;
        bool same = true;
        for (int d = 0; d < dimensions_; ++d)
            same &= PyArray_DIM(array, d) == shape()[d] && PyArray_STRIDE(array, d) == strides()[d];
        return same;
    }

private:
    bool has_its_dtype() const {
        PyArray_Descr* before = reinterpret_cast<PyArray_Descr*>(dtype_.ptr());
        return PyArray_DESCR(get()) == before || PyArray_EquivTypes(PyArray_DESCR(get()), before);
    }

    py::object owner_;
    const void* data_;
    py::object dtype_;
    int dimensions_;
    std::unique_ptr<npy_intp[]> shape_and_strides_;
};

}  // namespace npfuse::bind
