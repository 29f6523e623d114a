#include "docstring.h"
#include "register.h"
#include "runtime/isa.h"
#include "ufuncs.h"

namespace npfuse::bind {

void register_activations(py::module_& module) {
    py::dict parameters;
    for (const Activation& activation : runtime::active_table().activations) {
        const std::string name = activation.name;
        add_operation(module, "activations", name, make_ufunc(activation.forward, name, forward_docstring(activation)));
        const std::string backward = name + "_backward";
        add_ufunc(module, backward, make_ufunc(activation.backward, backward, backward_docstring(activation)));
        py::dict defaults;
        for (const Parameter& parameter : activation.parameters) defaults[parameter.name] = parameter.default_value;
        parameters[activation.name] = defaults;
    }
    module.attr("activation_parameters") = parameters;
}

}  // namespace npfuse::bind
