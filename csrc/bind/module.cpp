#define NPFUSE_IMPORTS_NUMPY
#include "numpy.h"
#include "register.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"

PYBIND11_MODULE(_native, module, py::mod_gil_not_used()) {
    if (_import_array() < 0 || _import_umath() < 0) throw py::error_already_set();
    try {
        npfuse::runtime::select_table();
        npfuse::runtime::configure_from_environment();
    } catch (const std::exception& error) {
        throw py::import_error(error.what());
    }
    module.doc() = "The compiled half of npfuse.";
    module.attr("__all__") = py::list();
    module.attr("operations") = py::dict();
    npfuse::bind::register_runtime(module);
    npfuse::bind::register_environment(module);
    npfuse::bind::register_activations(module);
    npfuse::bind::register_bias(module);
    npfuse::bind::register_rows(module);
    npfuse::bind::register_losses(module);
    npfuse::bind::register_optimizers(module);
}
