// A loss as Python calls it: a function for each thing that is asked of it.
#pragma once

#include <string>
#include <vector>

#include "loss_arguments.h"
#include "loss_docstring.h"
#include "runtime/floating_point.h"

namespace npfuse::bind {

template <class Loss>
using LossCaller = PyObject* (*)(const Loss& loss, const Signature& signature, Result wanted, PyObject* const* args,
                                 Py_ssize_t count, PyObject* keywords);

template <class Loss>
struct LossFunction {
    const Loss& loss;
    LossCaller<Loss> caller;
    Result wanted;
    Signature signature;
};

inline constexpr const char* loss_capsule = "npfuse.loss";

template <class Loss>
PyObject* call_loss_function(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    // Sums of weights, conversions and means are arithmetic, too.
    const runtime::RoundingGuard rounding;
    return guarded([&] {
        const auto& function = *static_cast<const LossFunction<Loss>*>(PyCapsule_GetPointer(self, loss_capsule));
        return function.caller(function.loss, function.signature, function.wanted, args, count, keywords);
    });
}

// Python keeps pointers to the definition and the function for as long as the module lives, which is for ever.
template <class Loss>
py::object make_loss_function(const char* name, const LossFunction<Loss>& function) {
    const py::capsule self(new LossFunction<Loss>(function), loss_capsule);
    auto* definition =
        new PyMethodDef{name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_loss_function<Loss>)),
                        METH_FASTCALL | METH_KEYWORDS, nullptr};
    PyObject* object = PyCFunction_New(definition, self.ptr());
    if (!object) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}

// What npfuse.losses makes a loss object of. The first two arguments are positional and required.
template <class Loss>
py::tuple loss_functions(const Loss& loss, LossCaller<Loss> caller, const std::vector<std::string>& value_arguments,
                         const std::vector<std::string>& gradient_arguments) {
    const std::string name = loss.name;
    const auto make = [&](const char* method, Result wanted) {
        const std::string full_name = *method ? name + "." + method : name;
        return make_loss_function<Loss>(
            *method ? method : loss.name,
            {loss, caller, wanted,
             Signature(full_name, wanted == Result::value ? value_arguments : gradient_arguments, 2, 2)});
    };
    return py::make_tuple(name, loss_docstring(loss), make("", Result::value), make("value_and_grad", Result::both),
                          make("grad", Result::gradient));
}

}  // namespace npfuse::bind
