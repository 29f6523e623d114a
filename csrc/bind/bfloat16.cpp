#include "bfloat16.h"

namespace npfuse::bind {

namespace {

// The reference is kept for ever, as NumPy keeps the type.
PyArray_Descr* find_dtype() {
    try {
        const py::object type = py::module_::import("ml_dtypes").attr("bfloat16");
        PyArray_Descr* dtype = nullptr;
        if (PyArray_DescrConverter(type.ptr(), &dtype) != NPY_SUCCEED) throw py::error_already_set();
        return dtype;
    } catch (py::error_already_set& error) {
        if (error.matches(PyExc_ImportError)) return nullptr;
        throw;
    }
}

}  // namespace

PyArray_Descr* bfloat16_dtype() {
    static PyArray_Descr* const dtype = find_dtype();
    return dtype;
}

int bfloat16_type_number() { return bfloat16_dtype() ? bfloat16_dtype()->type_num : -1; }

}  // namespace npfuse::bind
