#include "exclusive.h"

#include <structmember.h>

#include <cstddef>
#include <new>

#include "register.h"
#include "runtime/floating_point.h"

// In C, as these calls are a part of every optimizer step, however small.

namespace npfuse::bind {

namespace {

struct Exclusive {
    PyObject_HEAD vectorcallfunc call;
    ExclusiveUse use;
};

// args[0](*args[1:]). Python's own arithmetic obeys the floating-point environment, too.
PyObject* call_guarded(PyObject* const* args, Py_ssize_t count) {
    if (count == 0) {
        PyErr_SetString(PyExc_TypeError, "a function to call is needed");
        return nullptr;
    }
    const runtime::FloatingPointGuard guard;
    return PyObject_Vectorcall(args[0], args + 1, static_cast<std::size_t>(count - 1), nullptr);
}

PyObject* guarded(PyObject* /*module*/, PyObject* const* args, Py_ssize_t count) { return call_guarded(args, count); }

PyObject* call_exclusively(PyObject* self, PyObject* const* args, std::size_t count, PyObject* keywords) {
    if (keywords != nullptr && PyTuple_GET_SIZE(keywords) > 0) {
        PyErr_SetString(PyExc_TypeError, "arguments are taken by position only");
        return nullptr;
    }
    ExclusiveUse& use = reinterpret_cast<Exclusive*>(self)->use;
    if (!use.begin()) {
        PyErr_SetString(PyExc_RuntimeError, ExclusiveUse::refusal);
        return nullptr;
    }
    PyObject* result = call_guarded(args, PyVectorcall_NARGS(count));
    use.end();
    return result;
}

PyObject* new_exclusive(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    if (PyTuple_GET_SIZE(args) > 0 || (keywords != nullptr && PyDict_GET_SIZE(keywords) > 0)) {
        PyErr_SetString(PyExc_TypeError, "Exclusive takes no arguments");
        return nullptr;
    }
    PyObject* self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    Exclusive* exclusive = reinterpret_cast<Exclusive*>(self);
    exclusive->call = call_exclusively;
    new (&exclusive->use) ExclusiveUse();
    return self;
}

void delete_exclusive(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Exclusive, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("Calls functions, one at a time, in the library's floating-point environment.")},
    {Py_tp_new, reinterpret_cast<void*>(new_exclusive)},
    {Py_tp_dealloc, reinterpret_cast<void*>(delete_exclusive)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_members, members},
    {0, nullptr},
};

PyType_Spec spec = {
    .name = "npfuse._native.Exclusive",
    .basicsize = sizeof(Exclusive),
    .itemsize = 0,
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .slots = slots,
};

PyMethodDef functions[] = {
    {"guarded", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(guarded)), METH_FASTCALL,
     "Call a function in the library's floating-point environment."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void register_exclusive(py::module_& module) {
    PyObject* type = PyType_FromSpec(&spec);
    if (type == nullptr) throw py::error_already_set();
    module.attr("Exclusive") = py::reinterpret_steal<py::object>(type);
    if (PyModule_AddFunctions(module.ptr(), functions) < 0) throw py::error_already_set();
}

}  // namespace npfuse::bind
