// What each file of bind/ adds to the module.
#pragma once

#include <string>

#include "numpy.h"

namespace npfuse::bind {

void register_runtime(py::module_& module);
void register_environment(py::module_& module);
void register_activations(py::module_& module);
void register_bias(py::module_& module);
void register_rows(py::module_& module);
void register_losses(py::module_& module);
void register_row_losses(py::list& entries);
void register_optimizers(py::module_& module);

// Exports a ufunc under its name.
void add_ufunc(py::module_& module, const std::string& name, const py::object& ufunc);

// The same for an operation of the registry, which is listed in module.operations[kind]: what tests, benchmarks and
// pictures go through.
void add_operation(py::module_& module, const char* kind, const std::string& name, const py::object& ufunc);

}  // namespace npfuse::bind
