#include <algorithm>
#include <tuple>

#include "../../summation.h"
#include "place.h"

namespace npfuse::device::bind {

namespace {

py::list described(Span<Parameter> parameters) {
    py::list result;
    for (const Parameter& parameter : parameters)
        result.append(py::make_tuple(parameter.name, parameter.default_value, static_cast<int>(parameter.domain)));
    return result;
}

using GivenInput = std::pair<std::optional<Address>, double>;

void set_parameters(double (&to)[max_loss_parameters], const std::vector<double>& parameters) {
    if (parameters.size() > max_loss_parameters) throw py::value_error("too many parameters");
    std::copy(parameters.begin(), parameters.end(), to);
}

void run_loss(const Place& place, std::size_t index, std::size_t storage, const std::vector<GivenInput>& inputs,
              Address weight, Address values, Address gradient, Address sums, long long n, int variant,
              const std::vector<double>& parameters, double scale, double divisor, Address total) {
    if (index >= losses().count || storage >= floating_dtype_count || inputs.size() > max_loss_inputs)
        throw py::index_error("no such kernel");
    require(inputs.size() == 2 + losses()[index].operands.count, "a loss's operands are of a fixed number");
    require(parameters.size() == losses()[index].parameters.count, "a loss's parameters are of a fixed number");
    require(n >= 0 && (n == 0 || sums != 0), "a loss needs memory for its sums");
    LossCall call{};
    for (std::size_t i = 0; i < inputs.size(); ++i)
        call.inputs[i] = {at(inputs[i].first.value_or(0)), inputs[i].second};
    call.weight = at(weight);
    call.values = at(values);
    call.gradient = at(gradient);
    call.sums = static_cast<double*>(at(sums));
    call.n = n;
    call.variant = variant;
    set_parameters(call.parameters, parameters);
    call.scale = scale;
    const long long blocks = (n + loss_block_length - 1) / loss_block_length;
    const UsePlace use(place);
    losses()[index].launch[storage](call, place.stream());
    if (total) sum_values(call.sums, blocks, blocks, divisor, static_cast<double*>(at(total)), place.stream());
}

// What a call of a row loss computes, in addition to its operands.
RowLossCall row_call(Address pred, Address probabilities, Address labels, bool wide_labels, long long ignore_index,
                     Address class_weights, std::tuple<long long, long long, long long> along) {
    RowLossCall call{};
    call.rows.inputs[0] = at(pred);
    call.rows.inputs[1] = at(probabilities);
    std::tie(call.rows.rows, call.rows.n, call.rows.inner) = along;
    const RowsCall& rows = call.rows;
    require(rows.rows >= 0 && rows.n >= 0 && rows.inner >= 0, "lengths must be at least 0");
    require(rows.rows == 0 || (rows.inner > 0 && rows.rows % rows.inner == 0), "rows must be contiguous or columns");
    call.has_labels = labels != 0;
    call.labels = at(labels);
    call.wide_labels = wide_labels;
    call.ignore_index = ignore_index;
    call.class_weights = static_cast<const double*>(at(class_weights));
    return call;
}

// How many rows' weights the CPU adds by themselves.
long long added_at_once(const RowLossCall& call) {
    return call.labels == nullptr ? rows_per_loss_block(call.rows.n) : run_length;
}

// The sum of what rows count for; NaN where a label is no class. Waits for it.
double total_weight(const Place& place, const RowLossCall& call, int storage, Address scratch) {
    check_storage(storage);
    const UsePlace use(place);
    double* const weights = static_cast<double*>(at(scratch));
    weigh_rows(call, DType(storage), weights, place.stream());
    long long n = call.rows.rows;
    const double* from = weights;
    double* to = weights + n;
    if (const long long length = added_at_once(call); n > length) {
        sum_values(from, n, length, 1, to, place.stream());
        n = (n + length - 1) / length;
        from = to;
        to += n;
    }
    sum_values(from, n, n, 1, to, place.stream());
    double total;
    copy_out(&total, to, sizeof total, place.stream());
    return total;
}

void run_row_loss(const Place& place, std::size_t index, std::size_t storage, RowLossCall call,
                  const std::vector<double>& parameters, double scale, Address gradient, Address stored_values,
                  Address values, double divisor, Address total) {
    if (index >= row_losses().count || storage >= floating_dtype_count) throw py::index_error("no such kernel");
    require(parameters.size() == row_losses()[index].parameters.count, "a loss's parameters are of a fixed number");
    set_parameters(call.parameters, parameters);
    call.scale = scale;
    call.rows.output = at(gradient);
    call.stored_values = at(stored_values);
    call.values = static_cast<double*>(at(values));
    const long long rows = call.rows.rows, length = rows_per_loss_block(call.rows.n);
    const long long blocks = (rows + length - 1) / length;
    double* const sums = call.values + rows;
    const UsePlace use(place);
    row_losses()[index].launch[storage](call, place.stream());
    if (!total) return;
    sum_values(call.values, rows, length, 1, sums, place.stream());
    sum_values(sums, blocks, blocks, divisor, static_cast<double*>(at(total)), place.stream());
}

}  // namespace

void register_losses(py::module_& module) {
    py::dict elementwise, of_rows;
    for (std::size_t i = 0; i < losses().count; ++i) {
        const Loss& loss = losses()[i];
        py::list flags;
        for (const Flag& flag : loss.flags) flags.append(py::make_tuple(flag.name, flag.default_value));
        elementwise[loss.name] = py::make_tuple(i, described(loss.operands), described(loss.parameters), flags);
    }
    for (std::size_t i = 0; i < row_losses().count; ++i) {
        const RowLoss& loss = row_losses()[i];
        of_rows[loss.name] = py::make_tuple(i, loss.prediction, described(loss.parameters), loss.takes_probabilities);
    }
    module.attr("losses") = elementwise;
    module.attr("row_losses") = of_rows;
    module.attr("loss_block_length") = loss_block_length;
    py::class_<RowLossCall>(module, "RowLossCall", py::module_local()).def(py::init(&row_call));
    module.def("run_loss", &run_loss, WithoutGil());
    module.def("run_row_loss", &run_row_loss, WithoutGil());
    module.def("total_weight", &total_weight, WithoutGil());
}

}  // namespace npfuse::device::bind
