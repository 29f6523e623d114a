#include "bfloat16.h"
#include "register.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"

namespace npfuse::bind {

void register_runtime(py::module_& module) {
    module.attr("__version__") = NPFUSE_VERSION;
    module.def("config", [] {
        py::list isas;
        for (const KernelTable* table : runtime::available_tables()) isas.append(table->isa);
        py::dict config;
        config["version"] = NPFUSE_VERSION;
        config["isa"] = runtime::active_table().isa;
        config["available_isas"] = isas;
        config["num_threads"] = runtime::num_threads();
        config["bfloat16"] = bfloat16_type_number() >= 0;
        return config;
    });
    module.def("set_num_threads", [](const py::object& threads) {
        if (!PyIndex_Check(threads.ptr()) || PyBool_Check(threads.ptr()))
            throw py::type_error("set_num_threads: threads must be an integer, got " + std::string(py::repr(threads)));
        const Py_ssize_t count = PyNumber_AsSsize_t(threads.ptr(), nullptr);
        if (count == -1 && PyErr_Occurred()) throw py::error_already_set();
        try {
            runtime::set_num_threads(count);
        } catch (const std::invalid_argument& error) {
            throw py::value_error(error.what());
        }
    });
    module.def("get_num_threads", &runtime::num_threads);
}

}  // namespace npfuse::bind
