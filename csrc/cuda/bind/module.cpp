#include "place.h"

PYBIND11_MODULE(_cuda, module) {
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
