#include "docstring.h"
#include "parametric.h"
#include "register.h"
#include "runtime/isa.h"
#include "ufuncs.h"

namespace npfuse::bind {

void register_activations(py::module_& module) {
    py::dict parameters, parameter_backward;
    for (const Activation& activation : runtime::active_table().activations) {
        const std::string name = activation.name;
        const py::object forward = make_ufunc(activation.forward, name, forward_docstring(activation));
        add_operation(module, "activations", name, with_parameters(forward, 1, activation));
        const py::object backward = make_ufunc(activation.backward, name + "_backward", backward_docstring(activation));
        if (activation.backward_with_parameter.inputs == 0)
            add_ufunc(module, name + "_backward", with_parameters(backward, 2, activation));
        else  // npfuse._prelu sums the parameter's gradient to its shape
            parameter_backward[activation.name] =
                py::make_tuple(with_parameters(make_column_parameter_ufunc(activation), 2, activation),
                               with_parameters(make_row_parameter_ufunc(activation), 2, activation));
        py::dict defaults;
        for (const Parameter& parameter : activation.parameters) defaults[parameter.name] = parameter.default_value;
        parameters[activation.name] = defaults;
    }
    for (const GatedActivation& activation : runtime::active_table().gated_activations) {
        const std::string name = activation.name;
        add_operation(module, "gated", name, make_ufunc(activation.forward, name, forward_docstring(activation)));
        add_ufunc(module, name + "_backward",
                  make_ufunc(activation.backward, name + "_backward", backward_docstring(activation)));
    }
    module.attr("activation_parameters") = parameters;
    module.attr("parameter_backward_ufuncs") = parameter_backward;
}

}  // namespace npfuse::bind
