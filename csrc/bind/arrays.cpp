#include "arrays.h"

namespace npfuse::bind {

namespace {

bool is_well_behaved(PyArrayObject* array) { return PyArray_ISALIGNED(array) && PyArray_ISNOTSWAPPED(array); }

Array from_object(PyObject* object, const char* name) {
    if (PyArray_CheckExact(object) && is_well_behaved(reinterpret_cast<PyArrayObject*>(object)))
        return py::reinterpret_borrow<Array>(object);
    if (is_masked(object))
        throw py::type_error(std::string(name) + " must be an array without a mask, got a MaskedArray; " + name +
                             ".filled(0) or " + name + ".compressed() is one");
    PyObject* array = PyArray_CheckFromAny(object, nullptr, 0, 0,
                                           NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED | NPY_ARRAY_ENSUREARRAY, nullptr);
    if (!array) throw py::error_already_set();
    return py::reinterpret_steal<Array>(array);
}

[[noreturn]] void reject_dtype(PyArrayObject* array, const char* name) {
    throw py::type_error(std::string(name) +
                         " must be of float16, bfloat16, float32, float64 or an integer type, got " +
                         dtype_text(array));
}

// np.exp's rule: the smallest floating type that holds every value.
int promoted(DType integer) {
    switch (integer) {
        case DType::int8:
        case DType::uint8:
            return NPY_HALF;
        case DType::int16:
        case DType::uint16:
            return NPY_FLOAT;
        default:
            return NPY_DOUBLE;
    }
}

}  // namespace

Array number_array(PyObject* object, const char* name) {
    Array array = from_object(object, name);
    if (!dtype_of(raw(array))) reject_dtype(raw(array), name);
    return array;
}

Array floating_array(PyObject* object, const char* name) {
    Array array = number_array(object, name);
    const DType dtype = *dtype_of(raw(array));
    if (is_floating(dtype)) return array;
    PyObject* promoted_array = PyArray_Cast(raw(array), promoted(dtype));
    if (!promoted_array) throw py::error_already_set();
    return py::reinterpret_steal<Array>(promoted_array);
}

Array scalar_array(double value) {
    PyObject* array = PyArray_SimpleNew(0, nullptr, NPY_DOUBLE);
    if (!array) throw py::error_already_set();
    *static_cast<double*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array))) = value;
    return py::reinterpret_steal<Array>(array);
}

void view_broadcast(PyArrayObject* array, PyArrayObject* like, const char* name, const char* like_name, View& view) {
    view.data = PyArray_BYTES(array);
    view.dtype = *dtype_of(array);
    view.dimensions = 1;
    const int own = PyArray_NDIM(array), dimensions = PyArray_NDIM(like), extra = dimensions - own;
    const bool same_shape = extra == 0 && PyArray_CompareLists(PyArray_DIMS(array), PyArray_DIMS(like), dimensions);
    if (same_shape && PyArray_IS_C_CONTIGUOUS(array)) {
        view.shape[0] = PyArray_SIZE(array);
        view.strides[0] = PyArray_ITEMSIZE(array);
        return;
    }
    view.shape[0] = 1;
    view.strides[0] = 0;
    bool fits = extra >= 0;
    for (int d = 0; fits && d < dimensions; ++d) {
        const npy_intp length = PyArray_DIM(like, d);
        const npy_intp own_length = d < extra ? 1 : PyArray_DIM(array, d - extra);
        fits = own_length == length || own_length == 1;
        if (length == 1) continue;
        const npy_intp stride = own_length == 1 ? 0 : PyArray_STRIDE(array, d - extra);
        npy_intp &last_length = view.shape[view.dimensions - 1], &last_stride = view.strides[view.dimensions - 1];
        if (last_length == 1 || last_stride == length * stride) {
            last_length *= length;
            last_stride = stride;
        } else {
            view.shape[view.dimensions] = length;
            view.strides[view.dimensions] = stride;
            ++view.dimensions;
        }
    }
    if (!fits)
        throw py::value_error(std::string(name) + " has shape " + shape_text(array) + ", which does not broadcast to " +
                              like_name + " of shape " + shape_text(like));
}

Array empty_like(PyArrayObject* pred) {
    PyArray_Descr* dtype = PyArray_DESCR(pred);
    Py_INCREF(dtype);
    PyObject* array = PyArray_NewLikeArray(pred, NPY_KEEPORDER, dtype, 0);
    if (!array) throw py::error_already_set();
    return py::reinterpret_steal<Array>(array);
}

// Nothing is masked before numpy.ma was imported.
bool is_masked(PyObject* object) {
    if (PyArray_CheckExact(object) || !PyArray_Check(object)) return false;
    PyObject* const module = PyImport_GetModule(py::str("numpy.ma").ptr());
    if (!module) {
        PyErr_Clear();
        return false;
    }
    return py::isinstance(object, py::reinterpret_steal<py::object>(module).attr("MaskedArray"));
}

runtime::MemoryLayout layout_of(PyArrayObject* array) {
    const auto dimensions = static_cast<std::size_t>(PyArray_NDIM(array));
    return {PyArray_BYTES(array),
            PyArray_ITEMSIZE(array),
            {PyArray_DIMS(array), dimensions},
            {PyArray_STRIDES(array), dimensions}};
}

namespace {

PyArrayObject* checked_out(PyObject* out, PyArrayObject* pred) {
    if (!PyArray_Check(out)) throw py::type_error("out must be an ndarray, got " + std::string(Py_TYPE(out)->tp_name));
    if (is_masked(out)) throw py::type_error("out must be an array without a mask, got a MaskedArray");
    PyArrayObject* array = reinterpret_cast<PyArrayObject*>(out);
    if (dtype_of(array) != dtype_of(pred))
        throw py::type_error("out must be of " + dtype_text(pred) + ", the dtype of the gradient, got " +
                             dtype_text(array));
    if (PyArray_NDIM(array) != PyArray_NDIM(pred) ||
        !PyArray_CompareLists(PyArray_DIMS(array), PyArray_DIMS(pred), PyArray_NDIM(pred)))
        throw py::value_error("out must have shape " + shape_text(pred) + ", that of the prediction, got " +
                              shape_text(array));
    if (!PyArray_ISWRITEABLE(array)) throw py::value_error("out must be writeable, got a read-only array");
    return array;
}

}  // namespace

namespace {

// The rule of runtime/overlap.h, quickly where both arrays are contiguous.
runtime::Overlap overlap_of(PyArrayObject* output, PyArrayObject* input) {
    if (PyArray_IS_C_CONTIGUOUS(output) && PyArray_IS_C_CONTIGUOUS(input)) {
        const char *begin = PyArray_BYTES(output), *end = begin + PyArray_NBYTES(output);
        const char *other_begin = PyArray_BYTES(input), *other_end = other_begin + PyArray_NBYTES(input);
        if (end <= other_begin || other_end <= begin) return runtime::Overlap::separate;
        if (begin == other_begin && PyArray_ITEMSIZE(output) == PyArray_ITEMSIZE(input) &&
            PyArray_SAMESHAPE(output, input))
            return runtime::Overlap::in_place;
    }
    return runtime::overlap_of(layout_of(output), layout_of(input));
}

}  // namespace

GradientArray::GradientArray(PyObject* out, PyArrayObject* pred, std::span<const Array> elementwise,
                             std::span<const Array> others) {
    if (!out || out == Py_None) {
        written_ = empty_like(pred);
        return;
    }
    PyArrayObject* const array = checked_out(out, pred);
    bool needs_buffer =
        !is_well_behaved(array) || (!PyArray_IS_C_CONTIGUOUS(array) && runtime::may_overlap_itself(layout_of(array)));
    for (const Array& operand : elementwise)
        needs_buffer |= overlap_of(array, raw(operand)) == runtime::Overlap::partial;
    for (const Array& operand : others) needs_buffer |= overlap_of(array, raw(operand)) != runtime::Overlap::separate;
    if (needs_buffer) {
        written_ = empty_like(pred);
        out_ = py::reinterpret_borrow<Array>(out);
    } else {
        written_ = py::reinterpret_borrow<Array>(out);
    }
}

Array GradientArray::result() && {
    if (!out_) return std::move(written_);
    if (PyArray_CopyInto(raw(out_), raw(written_)) != 0) throw py::error_already_set();
    return std::move(out_);
}

std::string shape_text(PyArrayObject* array) {
    std::string text = "(";
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
        if (d) text += ", ";
        text += std::to_string(PyArray_DIM(array, d));
    }
    return text + (PyArray_NDIM(array) == 1 ? ",)" : ")");
}

std::string dtype_text(PyArrayObject* array) {
    return py::str(py::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(array))));
}

}  // namespace npfuse::bind
