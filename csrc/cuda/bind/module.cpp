#include "place.h"

namespace py = pybind11;

// What threads share here is constant, atomic or locked.
PYBIND11_MODULE(_cuda, module, py::mod_gil_not_used()) {
    using namespace npfuse::device::bind;
    module.attr("__version__") = NPFUSE_VERSION;
    register_memory(module);
    register_timing(module);
    register_dlpack(module);
    register_elementwise(module);
    register_rows(module);
    register_optimizers(module);
    register_matrices(module);
    register_losses(module);
}
