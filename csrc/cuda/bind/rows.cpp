#include "place.h"

namespace npfuse::device::bind {

namespace {

void run_rows(const Place& place, std::size_t index, bool backward, std::size_t storage,
              const std::vector<Address>& inputs, Address output, long long rows, long long n, long long inner) {
    const Span<RowOperation> operations = row_operations();
    if (index >= operations.count || storage >= floating_dtype_count || inputs.size() > 2)
        throw py::index_error("no such kernel");
    const RowsKernels& kernels = backward ? operations[index].backward : operations[index].forward;
    require(inputs.size() == (backward ? 2u : 1u), "a kernel's operands are of a fixed number");
    require(rows >= 0 && n >= 0 && inner >= 0, "lengths must be at least 0");
    require(rows == 0 || (inner > 0 && rows % inner == 0), "rows must be columns in whole groups");
    RowsCall call{};
    for (std::size_t i = 0; i < inputs.size(); ++i) call.inputs[i] = at(inputs[i]);
    call.output = at(output);
    call.rows = rows;
    call.n = n;
    call.inner = inner;
    const UsePlace use(place);
    kernels.launch[storage](call, place.stream());
}

void run_maxout(const Place& place, bool backward, std::size_t storage, Address parts, Address whole, Address index,
                long long n, int pieces, long long inner) {
    const Span<MaxoutLauncher> launchers = backward ? maxout_backward() : maxout();
    if (storage >= launchers.count) throw py::index_error("no such kernel");
    require(n >= 0 && pieces > 0 && inner >= 0 && (n == 0 || inner > 0), "lengths must be at least 0");
    require(n == 0 || (parts != 0 && whole != 0 && index != 0), "an operand must have memory");
    const MaxoutCall call = {at(parts), at(whole), static_cast<int*>(at(index)), n, pieces, inner};
    const UsePlace use(place);
    launchers[storage](call, place.stream());
}

}  // namespace

void register_rows(py::module_& module) {
    module.def("run_rows", &run_rows, WithoutGil());
    module.def("run_maxout", &run_maxout, WithoutGil());
}

}  // namespace npfuse::device::bind
