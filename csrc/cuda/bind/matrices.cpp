#include "../../summation.h"
#include "place.h"

namespace npfuse::device::bind {

namespace {

// An address, a period, and the number for all elements where there is no address.
using GivenInput = std::tuple<Address, long long, double>;

Span<MatrixKernels> kernels_of(const std::string& family) {
    if (family == "bias") return bias_backward();
    if (family == "column") return parameter_backward_by_column();
    if (family == "row") return parameter_backward_by_row();
    throw py::key_error(family);
}

void run(const Place& place, const std::string& family, std::size_t index, std::size_t storage,
         const std::vector<GivenInput>& inputs, Address output, Address sums, Address partial,
         std::tuple<long long, long long, long long> shape) {
    const Span<MatrixKernels> entries = kernels_of(family);
    if (index >= entries.count || storage >= floating_dtype_count || inputs.size() > max_operands ||
        entries[index].launch[storage] == nullptr)
        throw py::index_error("no such kernel");
    MatrixCall call{};
    for (std::size_t i = 0; i < inputs.size(); ++i)
        call.inputs[i] = {at(std::get<0>(inputs[i])), std::get<1>(inputs[i]), std::get<2>(inputs[i])};
    call.output = at(output);
    call.sums = at(sums);
    call.partial = static_cast<double*>(at(partial));
    std::tie(call.rows, call.columns, call.period) = shape;
    require(call.rows >= 0 && call.columns >= 0 && call.period >= 0, "lengths must be at least 0");
    require(call.rows == 0 || call.columns == 0 || (output != 0 && partial != 0), "an output must have memory");
    require(call.period == 0 || sums != 0, "sums must have memory");
    const UsePlace use(place);
    entries[index].launch[storage](call, place.stream());
}

// How many doubles of scratch a call needs.
long long scratch_for(const std::string& family, long long rows, long long columns) {
    if (family == "row") return rows * (1 + (columns + sum_segment - 1) / sum_segment);
    const long long band = rows_per_band(columns);
    return (rows + band - 1) / band * columns;
}

}  // namespace

void register_matrices(py::module_& module) {
    module.def("run_matrix", &run, WithoutGil());
    module.def("scratch_for_matrix", &scratch_for);
}

}  // namespace npfuse::device::bind
