#include "place.h"

namespace npfuse::device::bind {

namespace {

// Contiguous numbers at an address, or one number for all elements where that is None.
using GivenInput = std::pair<std::optional<Address>, double>;

Span<Elementwise> family(const std::string& name) {
    if (name == "activations_forward") return activations_forward();
    if (name == "activations_backward") return activations_backward();
    if (name == "gated_forward") return gated_forward();
    if (name == "gated_backward") return gated_backward();
    throw py::key_error(name);
}

void run(const Place& place, const std::string& family_name, std::size_t index, std::size_t storage,
         const std::vector<GivenInput>& inputs, const std::vector<Address>& outputs, long long n, long long columns,
         Address bias, const std::vector<std::size_t>& halved_inputs, bool halved_outputs) {
    const Span<Elementwise> entries = family(family_name);
    if (index >= entries.count || storage >= floating_dtype_count) throw py::index_error("no such kernel");
    const Elementwise& kernel = entries[index];
    if (inputs.size() != static_cast<std::size_t>(kernel.inputs) ||
        outputs.size() != static_cast<std::size_t>(kernel.outputs))
        throw py::value_error("a kernel's operands are of a fixed number");
    ElementwiseCall call{};
    require(n >= 0 && columns >= 0, "numbers of elements must be at least 0");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        require(n == 0 || inputs[i].first != 0, "an input must have memory");
        call.inputs[i] = {at(inputs[i].first.value_or(0)), inputs[i].second};
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        require(n == 0 || outputs[i] != 0, "an output must have memory");
        call.outputs[i] = at(outputs[i]);
    }
    call.n = n;
    call.columns = columns;
    call.bias = at(bias);
    const bool has_columns = bias != 0 || halved_outputs || !halved_inputs.empty();
    require(n == 0 || columns > 0 || !has_columns, "rows must have a length");
    for (const std::size_t i : halved_inputs) {
        require(i < inputs.size(), "no such input");
        call.halved_inputs[i] = true;
    }
    call.halved_outputs = halved_outputs;
    const UsePlace use(place);
    kernel.launch[storage](call, place.stream());
}

}  // namespace

void register_elementwise(py::module_& module) {
    module.def("run_elementwise", &run, py::arg("place"), py::arg("family"), py::arg("index"), py::arg("storage"),
               py::arg("inputs"), py::arg("outputs"), py::arg("n"), py::arg("columns") = 0, py::arg("bias") = 0,
               py::arg("halved_inputs") = std::vector<std::size_t>(), py::arg("halved_outputs") = false, WithoutGil());
}

}  // namespace npfuse::device::bind
