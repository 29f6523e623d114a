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
        .def(py::init<const std::string&, bool>(), py::arg("optimizer"), py::arg("single") = false)
        .def("add", &Updater::add)
        .def("step", &Updater::step);

    module.def("step_once", [](const std::string& optimizer, const py::object& parameter, const py::object& gradient,
                               const py::tuple& states, const py::tuple& settings) {
        Updater updater(optimizer, true);
        updater.add(to_list(parameter), to_list(states), 0);
        updater.step(to_list(gradient), to_list(settings));
    });
}

}  // namespace npfuse::bind
