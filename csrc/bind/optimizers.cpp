#include <pybind11/stl.h>

#include <cmath>

#include "exclusive.h"
#include "gil.h"
#include "norm_operands.h"
#include "owned_memory.h"
#include "register.h"
#include "runtime/isa.h"
#include "updater.h"

namespace npfuse::bind {

namespace {

py::list to_list(const py::object& item) {
    py::list list;
    list.append(item);
    return list;
}

}  // namespace

void register_optimizers(py::module_& module) {
    py::dict optimizers;
    for (const Optimizer& optimizer : runtime::active_table().optimizers.optimizers) {
        py::list settings, states;
        for (const char* name : optimizer.setting_names) settings.append(name);
        for (const char* name : optimizer.states) states.append(name);
        py::dict description;
        description["settings"] = py::tuple(settings);
        description["states"] = py::tuple(states);
        optimizers[optimizer.name] = description;
    }
    module.attr("optimizers") = optimizers;

    py::class_<Updater>(module, "Updater")
        .def(py::init<const std::string&, bool, std::optional<std::uint64_t>>(), py::arg("optimizer"),
             py::arg("single") = false, py::arg("seed") = py::none())
        .def("add", &Updater::add)
        .def("group_of", &Updater::settings_of)
        .def("step", &Updater::step, py::arg("gradients"), py::arg("settings"), py::arg("factor"), py::arg("guarded"),
             py::arg("largest_norm"), py::arg("changes") = py::list())
        .def("step_rows", &Updater::step_rows, py::arg("index"), py::arg("rows"), py::arg("gradients"),
             py::arg("settings"), py::arg("factor"), py::arg("guarded"), py::arg("changes") = py::list());

    module.def("step_once", [](const std::string& optimizer, const py::object& parameter, const py::object& gradient,
                               const py::tuple& states, const py::tuple& settings) {
        Updater updater(optimizer, true, std::nullopt);
        updater.add(to_list(parameter), to_list(states), 0);
        updater.step(to_list(gradient), to_list(settings), 1, false, HUGE_VAL, py::list());
    });
    module.def("global_norm", [](const py::tuple& arrays) {
        const py::tuple held = scalars_to_arrays(arrays);
        const NormOperands operands(held);
        const ReleasedGil released;
        return operands.norm();
    });
    module.def("clip_by_global_norm", [](const py::tuple& arrays, double max_norm) {
        const NormOperands operands(arrays);
        OwnedMemory memory;
        for (std::size_t i = 0; i < arrays.size(); ++i) {
            PyArrayObject* array = as_array(py::object(arrays[i]).ptr());
            if (!PyArray_ISWRITEABLE(array))
                throw py::value_error(operand_name(i) + " must be writeable, got a read-only array");
            memory.add(array, operand_name(i));
        }
        memory.settle();
        const ReleasedGil released;
        return operands.clip(max_norm);
    });
    register_exclusive(module);
}

}  // namespace npfuse::bind
