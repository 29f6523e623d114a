#include "defaults.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>

namespace npfuse::bind {

namespace {

constexpr int most_parameters = 4;
constexpr int most_arguments = 24;  // a ufunc's inputs, outputs and keywords

struct Defaulting {
    PyObject_HEAD vectorcallfunc call;
    PyObject* ufunc;
    int operands;
    int parameters;
    PyObject* names[most_parameters];     // interned
    PyObject* defaults[most_parameters];  // Python floats: they do not promote float32
};

int parameter_named(const Defaulting& self, PyObject* keyword) {
    for (int i = 0; i < self.parameters; ++i)
        if (keyword == self.names[i] || PyUnicode_Compare(keyword, self.names[i]) == 0) return i;
    return -1;
}

// Calls the ufunc with the parameters in their places. New references are avoided: every argument is borrowed from the
// caller or from self.
PyObject* call_with_defaults(PyObject* object, PyObject* const* arguments, std::size_t flags, PyObject* keywords) {
    const Defaulting& self = *reinterpret_cast<Defaulting*>(object);
    const Py_ssize_t positional = PyVectorcall_NARGS(flags);
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    const Py_ssize_t inputs = self.operands + self.parameters;
    if (positional < self.operands || positional + named + self.parameters > most_arguments)
        return PyObject_Vectorcall(self.ufunc, arguments, flags, keywords);  // NumPy says what is wrong

    PyObject* full[most_arguments];
    std::copy_n(arguments, positional, full);
    for (Py_ssize_t i = positional; i < inputs; ++i) full[i] = self.defaults[i - self.operands];
    const Py_ssize_t total = std::max(positional, inputs);

    PyObject* kept_names[most_arguments];
    Py_ssize_t kept = 0;
    for (Py_ssize_t i = 0; i < named; ++i) {
        PyObject* keyword = PyTuple_GET_ITEM(keywords, i);
        const int parameter = parameter_named(self, keyword);
        if (parameter < 0) {
            kept_names[kept] = keyword;
            full[total + kept++] = arguments[positional + i];
        } else if (self.operands + parameter < positional) {
            return PyErr_Format(PyExc_TypeError, "%U: given both by position and by name", keyword);
        } else {
            full[self.operands + parameter] = arguments[positional + i];
        }
    }
    if (kept == named) return PyObject_Vectorcall(self.ufunc, full, static_cast<std::size_t>(total), keywords);

    PyObject* names = PyTuple_New(kept);
    if (names == nullptr) return nullptr;
    for (Py_ssize_t i = 0; i < kept; ++i) {
        Py_INCREF(kept_names[i]);
        PyTuple_SET_ITEM(names, i, kept_names[i]);
    }
    PyObject* result = PyObject_Vectorcall(self.ufunc, full, static_cast<std::size_t>(total), names);
    Py_DECREF(names);
    return result;
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    PyObject* value = PyObject_GenericGetAttr(self, name);
    if (value != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;
    PyErr_Clear();
    return PyObject_GetAttr(reinterpret_cast<Defaulting*>(self)->ufunc, name);
}

PyObject* represent(PyObject* object) {
    const Defaulting& self = *reinterpret_cast<Defaulting*>(object);
    std::string text = "<function " + std::string(py::str(py::handle(self.ufunc).attr("__name__"))) + " with ";
    for (int i = 0; i < self.parameters; ++i) {
        if (i > 0) text += ", ";
        text += std::string(py::str(self.names[i])) + "=" + std::string(py::repr(self.defaults[i]));
    }
    return PyUnicode_FromString((text + ">").c_str());
}

// As NumPy's ufuncs do: by name, so that a pickle holds no code.
PyObject* reduce(PyObject* self, PyObject*) {
    return PyObject_GetAttrString(reinterpret_cast<Defaulting*>(self)->ufunc, "__name__");
}

void deallocate(PyObject* object) {
    Defaulting& self = *reinterpret_cast<Defaulting*>(object);
    PyTypeObject* type = Py_TYPE(object);
    Py_XDECREF(self.ufunc);
    for (int i = 0; i < self.parameters; ++i) {
        Py_XDECREF(self.names[i]);
        Py_XDECREF(self.defaults[i]);
    }
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject* get_documentation(PyObject* self, void*) {
    return PyObject_GetAttrString(reinterpret_cast<Defaulting*>(self)->ufunc, "__doc__");
}

PyObject* get_module(PyObject*, void*) { return PyUnicode_FromString("npfuse"); }

PyTypeObject* defaulting_type() {
    static PyMemberDef members[] = {
        {"__vectorcalloffset__", T_PYSSIZET, offsetof(Defaulting, call), READONLY, nullptr},
        {"ufunc", T_OBJECT_EX, offsetof(Defaulting, ufunc), READONLY, "The ufunc, which takes every parameter."},
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
    static PyType_Spec spec = {"npfuse._native.DefaultingUfunc", sizeof(Defaulting), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
    static PyTypeObject* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (type == nullptr) throw py::error_already_set();
    return type;
}

}  // namespace

py::object with_defaults(const py::object& ufunc, int operands, const Span<Parameter>& parameters) {
    PyTypeObject* type = defaulting_type();
    auto object = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!object) throw py::error_already_set();
    Defaulting& self = *reinterpret_cast<Defaulting*>(object.ptr());
    self.call = call_with_defaults;
    self.ufunc = py::object(ufunc).release().ptr();
    self.operands = operands;
    for (const Parameter& parameter : parameters) {
        self.names[self.parameters] = PyUnicode_InternFromString(parameter.name);
        self.defaults[self.parameters] = PyFloat_FromDouble(parameter.default_value);
        if (!self.names[self.parameters] || !self.defaults[self.parameters]) throw py::error_already_set();
        ++self.parameters;
    }
    return object;
}

}  // namespace npfuse::bind
