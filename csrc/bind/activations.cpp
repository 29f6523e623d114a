#include "docstring.h"
#include "register.h"
#include "runtime/isa.h"
#include "ufuncs.h"

namespace npfuse::bind {

void register_activations(py::module_& module) {
    for (const Activation& activation : runtime::active_table().activations) {
        const std::string name = activation.name;
        module.attr(name.c_str()) = make_ufunc(activation.forward, name, forward_docstring(activation));
        const std::string backward = name + "_backward";
        module.attr(backward.c_str()) = make_ufunc(activation.backward, backward, backward_docstring(activation));
    }
}

}  // namespace npfuse::bind
