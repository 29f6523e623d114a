// What each file of bind/ adds to the module.
#pragma once

#include "numpy.h"

namespace npfuse::bind {

void register_runtime(py::module_& module);
void register_activations(py::module_& module);
void register_losses(py::module_& module);
void register_row_losses(py::list& entries);

}  // namespace npfuse::bind
