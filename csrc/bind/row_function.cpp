#include "row_function.h"

#include <structmember.h>

#include <cstddef>

#include "loss_arguments.h"

namespace npfuse::bind {

namespace {

struct RowFunction {
    PyObject_HEAD vectorcallfunc call;
    PyObject* ufunc;
};

PyObject* fallback = nullptr;  // kept for ever

// Numbers and sequences become plain arrays.
bool is_plain(PyObject* object) {
    return PyArray_CheckExact(object) || PyArray_CheckAnyScalarExact(object) || PyList_CheckExact(object) ||
           PyTuple_CheckExact(object);
}

bool is(PyObject* keyword, const char* name) { return PyUnicode_CompareWithASCIIString(keyword, name) == 0; }

bool is_simple(PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    for (Py_ssize_t i = 0; i < count; ++i)
        if (!is_plain(arguments[i])) return false;
    for (Py_ssize_t i = 0, named = keywords ? PyTuple_GET_SIZE(keywords) : 0; i < named; ++i) {
        PyObject* const keyword = PyTuple_GET_ITEM(keywords, i);
        if (is(keyword, "axes") || (is(keyword, "out") && !PyArray_CheckExact(arguments[count + i]))) return false;
    }
    return true;
}

PyObject* call_fallback(const RowFunction& self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    py::tuple positional(count);
    for (Py_ssize_t i = 0; i < count; ++i) positional[static_cast<std::size_t>(i)] = py::handle(arguments[i]);
    py::dict named;
    for (Py_ssize_t i = 0, n = keywords ? PyTuple_GET_SIZE(keywords) : 0; i < n; ++i)
        named[py::handle(PyTuple_GET_ITEM(keywords, i))] = py::handle(arguments[count + i]);
    return py::handle(fallback)(py::handle(self.ufunc), positional, named).release().ptr();
}

PyObject* call(PyObject* object, PyObject* const* arguments, std::size_t flags, PyObject* keywords) {
    const RowFunction& self = *reinterpret_cast<RowFunction*>(object);
    const Py_ssize_t count = PyVectorcall_NARGS(flags);
    if (!fallback || is_simple(arguments, count, keywords))
        return PyObject_Vectorcall(self.ufunc, arguments, flags, keywords);
    return guarded([&] { return call_fallback(self, arguments, count, keywords); });
}

PyObject* ufunc_of(PyObject* self) { return reinterpret_cast<RowFunction*>(self)->ufunc; }

PyObject* get_attribute(PyObject* self, PyObject* name) {
    PyObject* value = PyObject_GenericGetAttr(self, name);
    if (value != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;
    PyErr_Clear();
    return PyObject_GetAttr(ufunc_of(self), name);
}

PyObject* represent(PyObject* self) {
    return guarded([&] {
        return PyUnicode_FromFormat("<function %S>", py::object(py::handle(ufunc_of(self)).attr("__name__")).ptr());
    });
}

// By name, as NumPy's ufuncs do.
PyObject* reduce(PyObject* self, PyObject*) { return PyObject_GetAttrString(ufunc_of(self), "__name__"); }

PyObject* get_documentation(PyObject* self, void*) { return PyObject_GetAttrString(ufunc_of(self), "__doc__"); }

PyObject* get_module(PyObject*, void*) { return PyUnicode_FromString("npfuse"); }

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    Py_XDECREF(ufunc_of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

PyTypeObject* row_function_type() {
    static PyMemberDef members[] = {
        {"__vectorcalloffset__", T_PYSSIZET, offsetof(RowFunction, call), READONLY, nullptr},
        {"ufunc", T_OBJECT_EX, offsetof(RowFunction, ufunc), READONLY, "The generalized ufunc."},
        {}};
    static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {}};
    static PyGetSetDef attributes[] = {{"__doc__", get_documentation, nullptr, nullptr, nullptr},
                                       {"__module__", get_module, nullptr, nullptr, nullptr},
                                       {}};
    static PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                  {Py_tp_members, members},
                                  {Py_tp_methods, methods},
                                  {Py_tp_getset, attributes},
                                  {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
                                  {Py_tp_repr, reinterpret_cast<void*>(represent)},
                                  {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                                  {}};
    static PyType_Spec spec = {
        "npfuse._native.RowFunction", sizeof(RowFunction), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
        slots};
    static PyTypeObject* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (type == nullptr) throw py::error_already_set();
    return type;
}

}  // namespace

py::object make_row_function(const py::object& ufunc) {
    PyTypeObject* type = row_function_type();
    auto object = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!object) throw py::error_already_set();
    RowFunction& self = *reinterpret_cast<RowFunction*>(object.ptr());
    self.call = call;
    self.ufunc = py::object(ufunc).release().ptr();
    return object;
}

void register_row_function(py::module_& module) {
    module.def("set_row_function_fallback", [](py::object function) { fallback = function.release().ptr(); });
}

}  // namespace npfuse::bind
