#include <pybind11/stl.h>

#include <cmath>

#include "gil.h"
#include "norm_operands.h"
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
    for (const Optimizer& optimizer : runtime::active_table().optimizers) {
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
        .def("step", &Updater::step)
        .def("step_rows", &Updater::step_rows);

    module.def("step_once", [](const std::string& optimizer, const py::object& parameter, const py::object& gradient,
                               const py::tuple& states, const py::tuple& settings) {
        Updater updater(optimizer, true, std::nullopt);
        updater.add(to_list(parameter), to_list(states), 0);
        updater.step(to_list(gradient), to_list(settings), 1, false, HUGE_VAL);
    });
    module.def("check_writeable", [](const py::list& arrays) {
        OwnedMemory memory;
        for (std::size_t i = 0; i < arrays.size(); ++i) {
            const auto name = [&] { return "arrays[" + std::to_string(i) + "]"; };
            PyArrayObject* array = array_or_throw(arrays[i], name);
            if (!PyArray_ISWRITEABLE(array)) throw py::value_error(name() + " is read-only");
            memory.add(array, name());
        }
        memory.settle();
    });
    module.def("global_norm", [](const py::tuple& arrays) {
        const NormOperands operands(arrays);
        const ReleasedGil released;
        return operands.norm();
    });
}

}  // namespace npfuse::bind
