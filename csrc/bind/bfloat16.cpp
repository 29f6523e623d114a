#include "bfloat16.h"

#include "numpy.h"

namespace npfuse::bind {

namespace {

int find_type_number() {
    try {
        const py::object type = py::module_::import("ml_dtypes").attr("bfloat16");
        PyArray_Descr* descriptor = nullptr;
        if (PyArray_DescrConverter(type.ptr(), &descriptor) != NPY_SUCCEED) throw py::error_already_set();
        const int number = descriptor->type_num;
        Py_DECREF(descriptor);
        return number;
    } catch (py::error_already_set& error) {
        if (error.matches(PyExc_ImportError)) return -1;
        throw;
    }
}

}  // namespace

int bfloat16_type_number() {
    static const int number = find_type_number();
    return number;
}

}  // namespace npfuse::bind
