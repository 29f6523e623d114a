#include "parametric.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include "bfloat16.h"
#include "storage.h"

namespace npfuse::bind {

namespace {

constexpr int most_parameters = 4;
constexpr int most_arguments = 24;  // a ufunc's inputs, outputs and keywords

struct Parametric {
    PyObject_HEAD vectorcallfunc call;
    PyObject* ufunc;
    int operands;
    int parameters;
    int required;                                               // all of them or none
    PyObject* names[most_parameters];                           // interned
    PyObject* defaults[most_parameters];                        // Python floats
    PyObject* stored_defaults[most_parameters][storage_count];  // null where there is no such type
};

int parameter_named(const Parametric& self, PyObject* keyword) {
    for (int i = 0; i < self.parameters; ++i)
        if (keyword == self.names[i] || PyUnicode_Compare(keyword, self.names[i]) == 0) return i;
    return -1;
}

bool is_python_number(PyObject* object) { return PyFloat_CheckExact(object) || PyLong_CheckExact(object); }

bool is(PyObject* keyword, const char* name) { return PyUnicode_CompareWithASCIIString(keyword, name) == 0; }

// What dtype= asks for, where that is one of ours; what is wrong with it NumPy says.
std::optional<Storage> storage_meant_by(PyObject* dtype) {
    PyArray_Descr* converted = nullptr;
    if (PyArray_DescrConverter(dtype, &converted) != NPY_SUCCEED) {
        PyErr_Clear();
        return std::nullopt;
    }
    const std::optional<Storage> storage = storage_of(converted->type_num);
    Py_DECREF(converted);
    return storage;
}

// The storage type that a call computes in as far as its Python numbers have no say: what the caller asks for, or what
// all other inputs have. `keyword_values` belong to the keywords.
std::optional<Storage> storage_of_call(PyObject* const* inputs, Py_ssize_t count, PyObject* keywords,
                                       PyObject* const* keyword_values) {
    for (Py_ssize_t i = 0, named = keywords ? PyTuple_GET_SIZE(keywords) : 0; i < named; ++i) {
        PyObject* keyword = PyTuple_GET_ITEM(keywords, i);
        if (is(keyword, "dtype") && keyword_values[i] != Py_None) return storage_meant_by(keyword_values[i]);
        if (is(keyword, "signature") || is(keyword, "sig")) return std::nullopt;
    }
    std::optional<Storage> common;
    for (Py_ssize_t i = 0; i < count; ++i) {
        if (is_python_number(inputs[i])) continue;
        const std::optional<Storage> storage = storage_of(inputs[i]);
        if (!storage || (common && common != storage)) return std::nullopt;
        common = storage;
    }
    return common;
}

// Calls the ufunc with its inputs' Python numbers in this storage type.
PyObject* call_in(Storage storage, const Parametric& self, PyObject** arguments, Py_ssize_t count, PyObject* keywords) {
    py::object converted[max_operands];
    for (Py_ssize_t i = 0, inputs = self.operands + self.parameters; i < inputs; ++i) {
        if (!is_python_number(arguments[i])) continue;
        const Py_ssize_t parameter = i - self.operands;
        if (parameter >= 0 && arguments[i] == self.defaults[parameter]) {
            arguments[i] = self.stored_defaults[parameter][static_cast<int>(storage)];
        } else {
            converted[i] = py::reinterpret_steal<py::object>(array_of_number(arguments[i], storage));
            if (!converted[i]) return nullptr;
            arguments[i] = converted[i].ptr();
        }
    }
    return PyObject_Vectorcall(self.ufunc, arguments, static_cast<std::size_t>(count), keywords);
}

PyObject* call_ufunc(const Parametric& self, PyObject** arguments, Py_ssize_t count, PyObject* keywords) {
    const std::optional<Storage> storage =
        storage_of_call(arguments, self.operands + self.parameters, keywords, arguments + count);
    if (storage) return call_in(*storage, self, arguments, count, keywords);
    return PyObject_Vectorcall(self.ufunc, arguments, static_cast<std::size_t>(count), keywords);
}

// Calls the ufunc with the parameters in their places. New references are avoided: every argument is borrowed from the
// caller or from self.
PyObject* call_with_parameters(PyObject* object, PyObject* const* arguments, std::size_t flags, PyObject* keywords) {
    const Parametric& self = *reinterpret_cast<Parametric*>(object);
    const Py_ssize_t positional = PyVectorcall_NARGS(flags);
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    const Py_ssize_t inputs = self.operands + self.parameters;
    if (positional < self.operands || positional + named + self.parameters > most_arguments)
        return PyObject_Vectorcall(self.ufunc, arguments, flags, keywords);  // NumPy says what is wrong

    PyObject* full[most_arguments];
    std::copy_n(arguments, positional, full);
    for (Py_ssize_t i = positional; i < inputs; ++i)
        full[i] = self.required ? nullptr : self.defaults[i - self.operands];
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
    for (Py_ssize_t i = positional; i < inputs; ++i)
        if (full[i] == nullptr)
            return PyErr_Format(PyExc_TypeError, "%U: missing, and there is no default", self.names[i - self.operands]);
    if (kept == named) return call_ufunc(self, full, total, keywords);

    PyObject* names = PyTuple_New(kept);
    if (names == nullptr) return nullptr;
    for (Py_ssize_t i = 0; i < kept; ++i) {
        Py_INCREF(kept_names[i]);
        PyTuple_SET_ITEM(names, i, kept_names[i]);
    }
    PyObject* result = call_ufunc(self, full, total, names);
    Py_DECREF(names);
    return result;
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    PyObject* value = PyObject_GenericGetAttr(self, name);
    if (value != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;
    PyErr_Clear();
    return PyObject_GetAttr(reinterpret_cast<Parametric*>(self)->ufunc, name);
}

PyObject* represent(PyObject* object) {
    const Parametric& self = *reinterpret_cast<Parametric*>(object);
    std::string text = "<function " + std::string(py::str(py::handle(self.ufunc).attr("__name__"))) + " with ";
    for (int i = 0; i < self.parameters; ++i) {
        if (i > 0) text += ", ";
        text += std::string(py::str(self.names[i]));
        if (!self.required) text += "=" + std::string(py::repr(self.defaults[i]));
    }
    return PyUnicode_FromString((text + ">").c_str());
}

// As NumPy's ufuncs do: by name, so that a pickle holds no code.
PyObject* reduce(PyObject* self, PyObject*) {
    return PyObject_GetAttrString(reinterpret_cast<Parametric*>(self)->ufunc, "__name__");
}

void deallocate(PyObject* object) {
    Parametric& self = *reinterpret_cast<Parametric*>(object);
    PyTypeObject* type = Py_TYPE(object);
    Py_XDECREF(self.ufunc);
    for (int i = 0; i < self.parameters; ++i) {
        Py_XDECREF(self.names[i]);
        Py_XDECREF(self.defaults[i]);
        for (PyObject* stored : self.stored_defaults[i]) Py_XDECREF(stored);
    }
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject* get_documentation(PyObject* self, void*) {
    return PyObject_GetAttrString(reinterpret_cast<Parametric*>(self)->ufunc, "__doc__");
}

PyObject* get_module(PyObject*, void*) { return PyUnicode_FromString("npfuse"); }

PyTypeObject* parametric_type() {
    static PyMemberDef members[] = {
        {"__vectorcalloffset__", T_PYSSIZET, offsetof(Parametric, call), READONLY, nullptr},
        {"required", T_INT, offsetof(Parametric, required), READONLY, "How many parameters have no default."},
        {"ufunc", T_OBJECT_EX, offsetof(Parametric, ufunc), READONLY, "The ufunc, which takes every parameter."},
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
    static PyType_Spec spec = {"npfuse._native.ParametricUfunc", sizeof(Parametric), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
    static PyTypeObject* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (type == nullptr) throw py::error_already_set();
    return type;
}

}  // namespace

py::object with_parameters(const py::object& ufunc, int operands, const Activation& activation) {
    if (activation.parameters.count == 0) return ufunc;
    PyTypeObject* type = parametric_type();
    auto object = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!object) throw py::error_already_set();
    Parametric& self = *reinterpret_cast<Parametric*>(object.ptr());
    self.call = call_with_parameters;
    self.ufunc = py::object(ufunc).release().ptr();
    self.operands = operands;
    self.required = static_cast<int>(activation.required_parameters);
    for (const Parameter& parameter : activation.parameters) {
        const int i = self.parameters++;
        self.names[i] = PyUnicode_InternFromString(parameter.name);
        self.defaults[i] = PyFloat_FromDouble(parameter.default_value);
        if (!self.names[i] || !self.defaults[i]) throw py::error_already_set();
        for (int j = 0; j < storage_count; ++j) {
            const Storage storage = static_cast<Storage>(j);
            if (storage == Storage::bfloat16 && !bfloat16_dtype()) continue;
            self.stored_defaults[i][j] = array_of_number(self.defaults[i], storage);
            if (!self.stored_defaults[i][j]) throw py::error_already_set();
        }
    }
    return object;
}

}  // namespace npfuse::bind
