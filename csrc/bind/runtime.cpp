#include <pybind11/stl.h>

#include "bfloat16.h"
#include "register.h"
#include "runtime/isa.h"
#include "runtime/overlap.h"
#include "runtime/thread_pool.h"

namespace npfuse::bind {

namespace {

using Sizes = std::vector<std::ptrdiff_t>;

// As Python gives it: address, item size, shape and strides in bytes.
using Layout = std::tuple<std::uintptr_t, std::ptrdiff_t, Sizes, Sizes>;

runtime::MemoryLayout memory_layout(const Layout& layout) {
    const auto& [address, item_size, shape, strides] = layout;
    return {reinterpret_cast<const char*>(address), item_size, shape, strides};
}

const char* overlap(const Layout& output, const Layout& input) {
    switch (runtime::overlap_of(memory_layout(output), memory_layout(input))) {
        case runtime::Overlap::separate:
            return "separate";
        case runtime::Overlap::in_place:
            return "in_place";
        default:
            return "partial";
    }
}

}  // namespace

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
        config["cpus"] = runtime::cpus();
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
    module.def("overlap", &overlap, py::arg("output"), py::arg("input"));
}

}  // namespace npfuse::bind
