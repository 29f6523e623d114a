#include "runtime/losses.h"

#include <optional>
#include <span>

#include "arrays.h"
#include "loss_arguments.h"
#include "loss_function.h"
#include "register.h"
#include "runtime/isa.h"

namespace npfuse::bind {

namespace {

constexpr int max_slots = max_loss_inputs + max_loss_parameters + max_loss_variants / 2 + 3;

std::vector<std::string> argument_names(const Loss& loss, bool takes_out) {
    std::vector<std::string> names = {"pred", "target"};
    for (const Parameter& operand : loss.operands) names.push_back(operand.name);
    names.insert(names.end(), {"weight", "reduction"});
    for (const Parameter& parameter : loss.parameters) names.push_back(parameter.name);
    for (const Flag& flag : loss.flags) names.push_back(flag.name);
    if (takes_out) names.push_back("out");
    return names;
}

// What the caller gave, every element of it in the operand's domain, else the default.
Array operand_array(PyObject* argument, const Parameter& operand, bool computed_in_double) {
    if (!is_given(argument)) return scalar_array(operand.default_value);
    if (is_python_number(argument)) return scalar_array(parse_parameter(argument, operand, computed_in_double));
    const Array array = number_array(argument, operand.name);
    if (operand.domain != Domain::real) {
        const npy_intp n = PyArray_SIZE(raw(array));
        View view;
        view_of(raw(array), view);
        const double smallest = [&] {
            const ReleasedGil released(n > worth_releasing_gil);
            return runtime::min_reduce(view, n);
        }();
        check_array_domain(smallest, operand);
    }
    return array;
}

PyObject* call(const Loss& loss, const Signature& signature, Result wanted, PyObject* const* args, Py_ssize_t count,
               PyObject* keywords) {
    PyObject* slots[max_slots];
    signature.sort(args, count, keywords, slots);
    const std::size_t operands = loss.operands.count;
    PyObject* const weight_slot = slots[2 + operands];
    PyObject* const reduction_slot = slots[3 + operands];
    PyObject* const* const parameter_slots = slots + 4 + operands;
    PyObject* const* const flag_slots = parameter_slots + loss.parameters.count;
    PyObject* const out_slot = wanted == Result::value ? nullptr : flag_slots[loss.flags.count];

    const Reduction reduction = parse_reduction(reduction_slot);
    LossCall call;
    call.variant = 0;
    for (std::size_t i = 0; i < loss.flags.count; ++i)
        call.variant |= int(parse_flag(flag_slots[i], loss.flags[i])) << i;

    Array inputs[max_loss_inputs + 1];
    int input_count = 0;
    const auto take = [&](Array array, const char* name, View& view) {
        inputs[input_count++] = std::move(array);
        view_broadcast(raw(inputs[input_count - 1]), raw(inputs[0]), name, "pred", view);
    };
    take(floating_array(slots[0], "pred"), "pred", call.inputs[0]);
    PyArrayObject* const pred = raw(inputs[0]);
    const bool in_double = call.inputs[0].dtype == DType::float64;
    for (std::size_t i = 0; i < loss.parameters.count; ++i)
        call.parameters[i] = parse_parameter(parameter_slots[i], loss.parameters[i], in_double);
    take(number_array(slots[1], "target"), "target", call.inputs[1]);
    for (std::size_t i = 0; i < operands; ++i)
        take(operand_array(slots[2 + i], loss.operands[i], in_double), loss.operands[i].name, call.inputs[2 + i]);
    if (is_given(weight_slot)) take(number_array(weight_slot, "weight"), "weight", call.weight);

    const npy_intp n = PyArray_SIZE(pred);
    Array values;
    std::optional<GradientArray> gradient;
    if (wanted != Result::value) {
        // The weight is read after the gradient was written.
        const std::span<const Array> all(inputs, static_cast<std::size_t>(input_count)),
            elementwise = all.first(2 + operands);
        gradient.emplace(out_slot, pred, elementwise, all.subspan(elementwise.size()));
        view_of(gradient->written(), call.gradient);
    }
    if (wanted != Result::gradient && reduction == Reduction::none) {
        values = empty_like(pred);
        view_of(raw(values), call.values);
    }
    const bool divides = reduction == Reduction::mean && n > 0;
    call.scale = divides ? 1.0 / double(n) : 1.0;

    double sum;
    {
        const ReleasedGil released(n > worth_releasing_gil);
        sum = runtime::run_loss(loss, call, n);
    }
    return pack_result(wanted, divides ? sum / double(n) : sum, std::move(values), std::move(gradient), out_slot);
}

}  // namespace

void register_losses(py::module_& module) {
    py::list entries;
    for (const Loss& loss : runtime::active_table().losses.losses)
        entries.append(loss_functions(loss, call, argument_names(loss, false), argument_names(loss, true)));
    register_row_losses(entries);
    module.attr("_losses") = entries;
}

}  // namespace npfuse::bind
