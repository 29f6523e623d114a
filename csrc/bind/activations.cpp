#include "docstring.h"
#include "parameter.h"
#include "parametric.h"
#include "register.h"
#include "runtime/isa.h"
#include "ufuncs.h"

namespace npfuse::bind {

namespace {

// For what is called from Python alone: the same check, and the number as the computing type holds it.
double checked_number(const char* name, const py::object& value, int domain, bool computed_in_double) {
    const Parameter parameter = {name, 0, "", static_cast<Domain>(domain)};
    const double number = real_number(value.ptr(), name);
    check_parameter(number, parameter, computed_in_double);
    return computed_in_double ? number : static_cast<double>(rounded_to_float(number));
}

}  // namespace

void register_activations(py::module_& module) {
    py::dict parameters, all_domains, parameter_backward;
    for (const Activation& activation : runtime::active_table().activations.activations) {
        const std::string name = activation.name;
        const ParametricUfuncs forward =
            make_parametric_ufuncs(activation.forward, name, forward_docstring(activation));
        add_operation(module, "activations", name, with_parameters(forward, 1, activation));
        const ParametricUfuncs backward =
            make_parametric_ufuncs(activation.backward, name + "_backward", backward_docstring(activation));
        if (activation.backward_with_parameter.inputs == 0)
            add_ufunc(module, name + "_backward", with_parameters(backward, 2, activation));
        else  // npfuse._prelu sums the parameter's gradient to its shape
            parameter_backward[activation.name] =
                py::make_tuple(with_parameters(make_column_parameter_ufuncs(activation), 2, activation),
                               with_parameters(make_row_parameter_ufuncs(activation), 2, activation));
        py::dict defaults, domains;
        for (const Parameter& parameter : activation.parameters) {
            defaults[parameter.name] = parameter.default_value;
            domains[parameter.name] = static_cast<int>(parameter.domain);
        }
        parameters[activation.name] = defaults;
        all_domains[activation.name] = domains;
    }
    for (const GatedActivation& activation : runtime::active_table().activations.gated_activations) {
        const std::string name = activation.name;
        add_operation(module, "gated", name, make_ufunc(activation.forward, name, forward_docstring(activation)));
        add_ufunc(module, name + "_backward",
                  make_ufunc(activation.backward, name + "_backward", backward_docstring(activation)));
    }
    module.attr("activation_parameters") = parameters;
    module.attr("activation_domains") = all_domains;
    module.def("checked_number", &checked_number, py::arg("name"), py::arg("value"), py::arg("domain"),
               py::arg("computed_in_double"));
    module.attr("parameter_backward_ufuncs") = parameter_backward;
}

}  // namespace npfuse::bind
