#include "parametric.h"
#include "register.h"
#include "runtime/isa.h"
#include "ufuncs.h"

namespace npfuse::bind {

void register_bias(py::module_& module) {
    py::dict forward, backward;
    for (const Activation& activation : runtime::active_table().activations.activations) {
        forward[activation.name] = with_parameters(make_bias_ufuncs(activation), 2, activation);
        backward[activation.name] = with_parameters(make_bias_backward_ufuncs(activation), 3, activation);
    }
    module.attr("bias_forward_ufuncs") = forward;
    module.attr("bias_backward_ufuncs") = backward;
}

}  // namespace npfuse::bind
