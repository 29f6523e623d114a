#include "register.h"
#include "runtime/floating_point.h"

namespace npfuse::bind {

namespace {

// Calls a function of no arguments: for what Python does to the results of kernels.
py::object in_own_environment(const py::object& function) {
    const runtime::FloatingPointGuard guard;
    return function();
}

// The same of what is done most: a cast of floating-point numbers.
py::object rounded(const py::object& numbers, const py::object& dtype) {
    const runtime::FloatingPointGuard guard;
    return numbers.attr("astype")(dtype);
}

}  // namespace

void register_environment(py::module_& module) {
    module.def("in_own_environment", &in_own_environment, py::arg("function"),
               "Call a function in the floating-point environment of the kernels, whatever the caller's is.");
    module.def("rounded", &rounded, py::arg("numbers"), py::arg("dtype"), "Return numbers as a dtype, likewise.");
}

}  // namespace npfuse::bind
