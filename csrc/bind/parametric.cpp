#include "parametric.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include "dtypes.h"
#include "guarded.h"
#include "parameter.h"

namespace npfuse::bind {

namespace {

constexpr int most_parameters = 4;
constexpr int most_arguments = 24;  // a ufunc's inputs, outputs and keywords

struct Parametric {
    PyObject_HEAD vectorcallfunc call;
    PyObject* ufunc;       // whose parameters are stored as the other operands are
    PyObject* of_numbers;  // whose parameters are float where arrays are of a half type
    const Parameter* described;
    int operands;
    int parameters;
    int required;                                     // all of them or none
    PyObject* names[most_parameters];                 // interned
    PyObject* defaults[most_parameters];              // Python floats
    PyObject* computed_defaults[most_parameters][2];  // arrays without dimensions: as float, as double
};

int parameter_named(const Parametric& self, PyObject* keyword) {
    for (int i = 0; i < self.parameters; ++i)
        if (keyword == self.names[i] || PyUnicode_Compare(keyword, self.names[i]) == 0) return i;
    return -1;
}

bool is(PyObject* keyword, const char* name) { return PyUnicode_CompareWithASCIIString(keyword, name) == 0; }

// What dtype= asks for, where that is one of ours; what is wrong with it NumPy says.
std::optional<DType> storage_meant_by(PyObject* dtype) {
    PyArray_Descr* converted = nullptr;
    if (PyArray_DescrConverter(dtype, &converted) != NPY_SUCCEED) {
        PyErr_Clear();
        return std::nullopt;
    }
    const std::optional<DType> storage = floating_dtype_of(converted->type_num);
    Py_DECREF(converted);
    return storage;
}

// What an input counts for together with floating ones when NumPy chooses the type of the result: an integer is a
// floating type that holds all of its type.
std::optional<DType> promoted_dtype_of(PyObject* object) {
    if (const std::optional<DType> storage = floating_dtype_of(object)) return storage;
    if (!PyArray_Check(object) || !PyTypeNum_ISINTEGER(PyArray_TYPE(reinterpret_cast<PyArrayObject*>(object))))
        return std::nullopt;
    const npy_intp size = PyArray_ITEMSIZE(reinterpret_cast<PyArrayObject*>(object));
    return size == 1 ? DType::float16 : size == 2 ? DType::float32 : DType::float64;
}

// What is known of a call before NumPy has seen it.
struct CallType {
    // What the caller asks for, or what all inputs have but Python numbers, which have no say; else nothing.
    std::optional<DType> storage;
    bool computed_in_double;        // or nothing is known of its type
    Py_ssize_t dtype_keyword = -1;  // the place of dtype= among the keywords
    bool has_signature = false;     // then the caller says of each parameter how it is stored
};

// `keyword_values` belong to the keywords.
CallType type_of_call(PyObject* const* inputs, Py_ssize_t count, PyObject* keywords, PyObject* const* keyword_values) {
    for (Py_ssize_t i = 0, named = keywords ? PyTuple_GET_SIZE(keywords) : 0; i < named; ++i) {
        PyObject* keyword = PyTuple_GET_ITEM(keywords, i);
        if (is(keyword, "dtype") && keyword_values[i] != Py_None) {
            const std::optional<DType> storage = storage_meant_by(keyword_values[i]);
            return {storage, !storage || storage == DType::float64, i};
        }
        if (is(keyword, "signature") || is(keyword, "sig")) return {std::nullopt, true, -1, true};
    }
    std::optional<DType> common;
    bool all_alike = true, in_double = false, any_floating = false;
    for (Py_ssize_t i = 0; i < count; ++i) {
        if (is_python_number(inputs[i])) continue;
        const std::optional<DType> stored = floating_dtype_of(inputs[i]);
        const std::optional<DType> storage = stored ? stored : promoted_dtype_of(inputs[i]);
        any_floating |= stored.has_value();
        all_alike &= stored && (!common || common == storage);
        in_double |= !storage || storage == DType::float64;
        common = storage;
    }
    return {all_alike ? common : std::nullopt, in_double || !any_floating};
}

PyObject* array_of(double value, bool in_double) {
    PyObject* array = PyArray_SimpleNew(0, nullptr, in_double ? NPY_DOUBLE : NPY_FLOAT);
    if (array == nullptr) return nullptr;
    void* data = PyArray_DATA(reinterpret_cast<PyArrayObject*>(array));
    if (in_double)
        *static_cast<double*>(data) = value;
    else
        *static_cast<float*>(data) = rounded_to_float(value);
    return array;
}

// Sees to it that each parameter is a number that is legal, or something that may be an array of numbers; returns how
// many are Python numbers. `values` receives these.
int check_parameters(const Parametric& self, PyObject* const* parameters, bool in_double, double* values) {
    int numbers = 0;
    for (int i = 0; i < self.parameters; ++i) {
        PyObject* const given = parameters[i];
        if (given == self.defaults[i]) {
            values[i] = self.described[i].default_value;
        } else if (is_python_number(given)) {
            values[i] = real_number(given, self.described[i].name);
            check_parameter(values[i], self.described[i], in_double);
        } else {
            check_may_be_array(given, self.described[i].name);
            continue;
        }
        ++numbers;
    }
    return numbers;
}

// What dtype= means where parameters are not stored as the other operands are, which NumPy would find no loop for.
py::object signature_of_numbers(const Parametric& self, PyObject* dtype) {
    const Py_ssize_t inputs = self.operands + self.parameters;
    const auto outputs = py::cast<Py_ssize_t>(py::handle(self.of_numbers).attr("nout"));
    py::tuple signature(inputs + outputs);
    for (Py_ssize_t i = 0; i < inputs + outputs; ++i) {
        if (i < self.operands)
            signature[i] = py::handle(dtype);
        else if (i < inputs)
            signature[i] = py::handle(reinterpret_cast<PyObject*>(&PyFloatArrType_Type));
        else
            signature[i] = py::none();
    }
    return signature;
}

// The same keywords, one of them `signature`.
py::object with_signature_at(Py_ssize_t place, PyObject* keywords) {
    py::list names(py::reinterpret_borrow<py::object>(keywords));
    names[place] = "signature";
    return py::tuple(names);
}

// Calls the ufunc for numbers or for arrays. Python numbers take the storage type of the call before NumPy sees them,
// but parameters that are numbers the type that it computes in.
PyObject* call_ufunc(const Parametric& self, PyObject** arguments, Py_ssize_t count, PyObject* keywords) {
    const Py_ssize_t inputs = self.operands + self.parameters;
    const CallType type = type_of_call(arguments, inputs, keywords, arguments + count);
    PyObject** const parameters = arguments + self.operands;
    double values[most_parameters];
    const int numbers = check_parameters(self, parameters, type.computed_in_double, values);
    py::object converted[max_operands], new_keywords, signature;
    PyObject* ufunc = self.ufunc;
    if (type.storage) {
        const bool in_double = type.storage == DType::float64;
        const bool is_half = type.storage == DType::float16 || type.storage == DType::bfloat16;
        if (numbers > 0 && is_half) {
            ufunc = self.of_numbers;
            if (type.dtype_keyword >= 0) {
                PyObject*& value = arguments[count + type.dtype_keyword];
                signature = signature_of_numbers(self, value);
                value = signature.ptr();
                new_keywords = with_signature_at(type.dtype_keyword, keywords);
                keywords = new_keywords.ptr();
            }
        }
        for (Py_ssize_t i = 0; i < self.operands; ++i) {
            if (!is_python_number(arguments[i])) continue;
            converted[i] = py::reinterpret_steal<py::object>(array_of_number(arguments[i], *type.storage));
            if (!converted[i]) throw py::error_already_set();
            arguments[i] = converted[i].ptr();
        }
        for (int i = 0; i < self.parameters; ++i) {
            if (!is_python_number(parameters[i])) continue;
            if (parameters[i] == self.defaults[i]) {
                parameters[i] = self.computed_defaults[i][in_double];
                continue;
            }
            py::object& array = converted[self.operands + i];
            array = py::reinterpret_steal<py::object>(array_of(values[i], in_double));
            if (!array) throw py::error_already_set();
            parameters[i] = array.ptr();
        }
    } else if (numbers == self.parameters && !type.has_signature) {
        ufunc = self.of_numbers;  // NumPy, or what takes over from it, finds the type
    }
    return PyObject_Vectorcall(ufunc, arguments, static_cast<std::size_t>(count), keywords);
}

// Calls the ufunc with the parameters in their places. New references are avoided: every argument is borrowed from the
// caller or from self.
PyObject* call(const Parametric& self, PyObject* const* arguments, std::size_t flags, PyObject* keywords) {
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

    const auto names = py::reinterpret_steal<py::object>(PyTuple_New(kept));
    if (!names) return nullptr;
    for (Py_ssize_t i = 0; i < kept; ++i) {
        Py_INCREF(kept_names[i]);
        PyTuple_SET_ITEM(names.ptr(), i, kept_names[i]);
    }
    return call_ufunc(self, full, total, names.ptr());
}

PyObject* call_with_parameters(PyObject* object, PyObject* const* arguments, std::size_t flags, PyObject* keywords) {
    return guarded([&] { return call(*reinterpret_cast<Parametric*>(object), arguments, flags, keywords); });
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    if (is(name, "__module__")) return PyUnicode_FromString("npfuse");  // where the function is found, not its type
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
    Py_XDECREF(self.of_numbers);
    for (int i = 0; i < self.parameters; ++i) {
        Py_XDECREF(self.names[i]);
        Py_XDECREF(self.defaults[i]);
        for (PyObject* computed : self.computed_defaults[i]) Py_XDECREF(computed);
    }
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject* get_documentation(PyObject* self, void*) {
    return PyObject_GetAttrString(reinterpret_cast<Parametric*>(self)->ufunc, "__doc__");
}

PyTypeObject* parametric_type() {
    static PyMemberDef members[] = {
        {"__vectorcalloffset__", T_PYSSIZET, offsetof(Parametric, call), READONLY, nullptr},
        {"required", T_INT, offsetof(Parametric, required), READONLY, "How many parameters have no default."},
        {"ufunc", T_OBJECT_EX, offsetof(Parametric, ufunc), READONLY, "The ufunc, which takes every parameter."},
        {}};
    static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {}};
    static PyGetSetDef attributes[] = {{"__doc__", get_documentation, nullptr, nullptr, nullptr}, {}};
    static PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                  {Py_tp_members, members},
                                  {Py_tp_methods, methods},
                                  {Py_tp_getset, attributes},
                                  {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
                                  {Py_tp_repr, reinterpret_cast<void*>(represent)},
                                  {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                                  {}};
    // Nothing but with_parameters makes one: an instance without a ufunc has nothing to call, show or document. It
    // holds nothing that could refer to it, so that it needs no garbage collection.
    static PyType_Spec spec = {
        "npfuse._native.ParametricUfunc", sizeof(Parametric), 0,
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
        slots};
    static PyTypeObject* type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (type == nullptr) throw py::error_already_set();
    return type;
}

}  // namespace

py::object with_parameters(const ParametricUfuncs& ufuncs, int operands, const Activation& activation) {
    if (activation.parameters.count == 0) return ufuncs.for_arrays;
    PyTypeObject* type = parametric_type();
    auto object = py::reinterpret_steal<py::object>(type->tp_alloc(type, 0));
    if (!object) throw py::error_already_set();
    Parametric& self = *reinterpret_cast<Parametric*>(object.ptr());
    self.call = call_with_parameters;
    self.ufunc = py::object(ufuncs.for_arrays).release().ptr();
    self.of_numbers = py::object(ufuncs.for_numbers).release().ptr();
    self.described = activation.parameters.begin();
    self.operands = operands;
    self.required = static_cast<int>(activation.required_parameters);
    for (const Parameter& parameter : activation.parameters) {
        const int i = self.parameters++;
        self.names[i] = PyUnicode_InternFromString(parameter.name);
        self.defaults[i] = PyFloat_FromDouble(parameter.default_value);
        if (!self.names[i] || !self.defaults[i]) throw py::error_already_set();
        for (const bool in_double : {false, true}) {
            self.computed_defaults[i][in_double] = array_of(parameter.default_value, in_double);
            if (!self.computed_defaults[i][in_double]) throw py::error_already_set();
        }
    }
    return object;
}

}  // namespace npfuse::bind
