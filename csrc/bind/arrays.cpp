#include "arrays.h"

#include <cstring>

namespace npfuse::bind {

namespace {

MaybeNumber integer_of(int type, npy_intp size) {
    const bool is_signed = PyTypeNum_ISSIGNED(type);
    switch (size) {
        case 1:
            return {true, is_signed ? Number::int8 : Number::uint8};
        case 2:
            return {true, is_signed ? Number::int16 : Number::uint16};
        case 4:
            return {true, is_signed ? Number::int32 : Number::uint32};
        default:
            return {true, is_signed ? Number::int64 : Number::uint64};
    }
}

// ml_dtypes' type, recognised by its name: that package need not be there.
bool is_bfloat16(PyArrayObject* array) {
    return std::strstr(PyArray_DESCR(array)->typeobj->tp_name, "bfloat16") != nullptr && PyArray_ITEMSIZE(array) == 2;
}

bool is_well_behaved(PyArrayObject* array) { return PyArray_ISALIGNED(array) && PyArray_ISNOTSWAPPED(array); }

Array from_object(PyObject* object) {
    if (PyArray_CheckExact(object) && is_well_behaved(reinterpret_cast<PyArrayObject*>(object)))
        return py::reinterpret_borrow<Array>(object);
    PyObject* array = PyArray_CheckFromAny(object, nullptr, 0, 0,
                                           NPY_ARRAY_ALIGNED | NPY_ARRAY_NOTSWAPPED | NPY_ARRAY_ENSUREARRAY, nullptr);
    if (!array) throw py::error_already_set();
    return py::reinterpret_steal<Array>(array);
}

[[noreturn]] void reject_dtype(PyArrayObject* array, const std::string& name) {
    throw py::type_error(name + " has dtype " + dtype_text(array) +
                         "; it must be float16, bfloat16, float32, float64 or an integer type");
}

// np.exp's rule: the smallest floating type that holds every value.
int promoted(Number integer) {
    switch (integer) {
        case Number::int8:
        case Number::uint8:
            return NPY_HALF;
        case Number::int16:
        case Number::uint16:
            return NPY_FLOAT;
        default:
            return NPY_DOUBLE;
    }
}

bool same_memory(PyArrayObject* a, PyArrayObject* b) {
    return PyArray_BYTES(a) == PyArray_BYTES(b) && PyArray_DESCR(a)->type_num == PyArray_DESCR(b)->type_num &&
           PyArray_NDIM(a) == PyArray_NDIM(b) &&
           PyArray_CompareLists(PyArray_DIMS(a), PyArray_DIMS(b), PyArray_NDIM(a)) &&
           PyArray_CompareLists(PyArray_STRIDES(a), PyArray_STRIDES(b), PyArray_NDIM(a));
}

struct Extent {
    const char *begin, *end;
};

Extent extent_of(PyArrayObject* array) {
    Extent extent = {PyArray_BYTES(array), PyArray_BYTES(array) + PyArray_ITEMSIZE(array)};
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
        const npy_intp reach = (PyArray_DIM(array, d) - 1) * PyArray_STRIDE(array, d);
        (reach < 0 ? extent.begin : extent.end) += reach;
    }
    return extent;
}

// Interleaved arrays whose extents overlap may still have no byte in common; NumPy finds out.
bool shares_memory(PyArrayObject* a, PyArrayObject* b) {
    const Extent x = extent_of(a), y = extent_of(b);
    if (x.end <= y.begin || y.end <= x.begin) return false;
    return py::cast<bool>(py::module_::import("numpy").attr("shares_memory")(
        py::handle(reinterpret_cast<PyObject*>(a)), py::handle(reinterpret_cast<PyObject*>(b))));
}

}  // namespace

MaybeNumber number_of(PyArrayObject* array) {
    const int type = PyArray_TYPE(array);
    switch (type) {
        case NPY_FLOAT:
            return {true, Number::float32};
        case NPY_DOUBLE:
            return {true, Number::float64};
        case NPY_HALF:
            return {true, Number::float16};
        case NPY_BOOL:
            return {true, Number::uint8};
        default:
            if (PyTypeNum_ISINTEGER(type)) return integer_of(type, PyArray_ITEMSIZE(array));
            return {is_bfloat16(array), Number::bfloat16};
    }
}

Array number_array(PyObject* object, const std::string& name) {
    Array array = from_object(object);
    if (!number_of(raw(array)).known) reject_dtype(raw(array), name);
    return array;
}

Array floating_array(PyObject* object, const std::string& name) {
    Array array = number_array(object, name);
    const Number number = number_of(raw(array)).number;
    if (is_floating(number)) return array;
    PyObject* promoted_array = PyArray_Cast(raw(array), promoted(number));
    if (!promoted_array) throw py::error_already_set();
    return py::reinterpret_steal<Array>(promoted_array);
}

Array scalar_array(double value) {
    PyObject* array = PyArray_SimpleNew(0, nullptr, NPY_DOUBLE);
    if (!array) throw py::error_already_set();
    *static_cast<double*>(PyArray_DATA(reinterpret_cast<PyArrayObject*>(array))) = value;
    return py::reinterpret_steal<Array>(array);
}

void view_broadcast(PyArrayObject* array, PyArrayObject* like, const std::string& name, const std::string& like_name,
                    View& view) {
    view.data = PyArray_BYTES(array);
    view.number = number_of(array).number;
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
        throw py::value_error(name + " has shape " + shape_text(array) + ", which does not broadcast to " + like_name +
                              " of shape " + shape_text(like));
}

Array empty_like(PyArrayObject* pred) {
    PyArray_Descr* dtype = PyArray_DESCR(pred);
    Py_INCREF(dtype);
    PyObject* array = PyArray_NewLikeArray(pred, NPY_KEEPORDER, dtype, 0);
    if (!array) throw py::error_already_set();
    return py::reinterpret_steal<Array>(array);
}

Array checked_out(PyObject* out, PyArrayObject* pred, const Array* inputs, int input_count) {
    if (!PyArray_Check(out)) throw py::type_error("out must be an ndarray, got " + std::string(Py_TYPE(out)->tp_name));
    PyArrayObject* array = reinterpret_cast<PyArrayObject*>(out);
    const MaybeNumber number = number_of(array);
    if (!number.known || number.number != number_of(pred).number || !PyArray_ISNOTSWAPPED(array))
        throw py::type_error("out has dtype " + dtype_text(array) + "; it must be " + dtype_text(pred) +
                             ", the dtype of the gradient");
    if (PyArray_NDIM(array) != PyArray_NDIM(pred) ||
        !PyArray_CompareLists(PyArray_DIMS(array), PyArray_DIMS(pred), PyArray_NDIM(pred)))
        throw py::value_error("out has shape " + shape_text(array) + "; it must be " + shape_text(pred) +
                              ", the shape of the prediction");
    if (!PyArray_ISWRITEABLE(array)) throw py::value_error("out is read-only");
    if (!PyArray_ISALIGNED(array)) throw py::value_error("out is not aligned to its element size");
    if (PyArray_SIZE(array) > 0) {
        for (int i = 0; i < input_count; ++i)
            if (inputs[i] && !same_memory(array, raw(inputs[i])) && shares_memory(array, raw(inputs[i])))
                throw py::value_error(
                    "out overlaps an input in memory; it must be that array itself, or apart from it");
    }
    return py::reinterpret_borrow<Array>(out);
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
