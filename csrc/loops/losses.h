// How an elementwise loss runs over memory: the sum of its values and its scaled gradient in one pass.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "elementwise.h"
#include "lanes.h"
#include "views.h"

NPFUSE_FORMULAS_BEGIN

template <int... I>
struct Indices {};
template <int n, int... I>
struct IndicesUpTo : IndicesUpTo<n - 1, n - 1, I...> {};
template <int... I>
struct IndicesUpTo<0, I...> {
    using type = Indices<I...>;
};

template <class Operation>
constexpr Span<Parameter> operands_of() {
    if constexpr (requires { Operation::operands; })
        return {Operation::operands, sizeof(Operation::operands) / sizeof(Parameter)};
    else
        return {nullptr, 0};
}

// A loss's formulas with its parameters bound: functions of the position alone.
template <class Operation, class T, class Inputs, class Parameters>
struct BoundLoss;

template <class Operation, class T, int... I, int... P>
struct BoundLoss<Operation, T, Indices<I...>, Indices<P...>> {
    const T* inputs[sizeof...(I)];
    T parameters[sizeof...(P) + 1];

    NPFUSE_FORMULA BoundLoss(const T* const* in, const double* values)
        : inputs{in[I]...}, parameters{T(values[P])...} {}

    NPFUSE_FORMULA auto value(ptrdiff_t i) const { return Operation::value(inputs[I][i]..., parameters[P]...); }
    NPFUSE_FORMULA auto gradient(ptrdiff_t i) const { return Operation::gradient(inputs[I][i]..., parameters[P]...); }
};

template <class Operation, class T>
using Bound = BoundLoss<Operation, T, typename IndicesUpTo<2 + int(operands_of<Operation>().count)>::type,
                        typename IndicesUpTo<int(parameter_count<Operation>())>::type>;

template <class Operation, class T, bool weighted>
void fused_loss(const T* const* inputs, const T* weight, const double* parameters, double factor, T* gradient,
                double* lane_sums, ptrdiff_t n) {
    const Bound<Operation, T> loss(inputs, parameters);
    const Scale<T> scale(factor);
    double lanes[lane_count];
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lanes[lane] = lane_sums[lane];

    const auto step = [&](ptrdiff_t lane, ptrdiff_t i) __attribute__((always_inline)) {
        const auto value = loss.value(i);
        const auto slope = loss.gradient(i);
        if constexpr (weighted) {
            lanes[lane] += wide(weight[i]) * to_double(value);
            gradient[i] = scaled(slope * weight[i], scale);
        } else {
            lanes[lane] = add_value(lanes[lane], value);
            gradient[i] = scaled(slope, scale);
        }
    };
    ptrdiff_t i = 0;
    for (; i + lane_count <= n; i += lane_count)
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) step(lane, i + lane);
    for (ptrdiff_t lane = 0; i + lane < n; ++lane) step(lane, i + lane);

    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lane_sums[lane] = lanes[lane];
}

template <class Operation, class T>
void loss_values(const T* const* inputs, const T* weight, const double* parameters, T* values, ptrdiff_t n) {
    const Bound<Operation, T> loss(inputs, parameters);
    if (weight) {
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) values[i] = T(wide(weight[i]) * to_double(loss.value(i)));
    } else {
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) values[i] = T(to_double(loss.value(i)));
    }
}

template <class T>
inline const LossKernels<T>& kernels_for(const Loss& loss) {
    if constexpr (__is_same(T, float))
        return loss.float32;
    else
        return loss.float64;
}

template <class T>
double run_loss(const Loss& loss, const LossCall& call, ptrdiff_t begin, ptrdiff_t end) {
    const LossKernels<T>& kernels = kernels_for<T>(loss);
    const int input_count = 2 + int(loss.operands.count);
    const bool weighted = call.weight.data != nullptr;
    const bool wants_values = call.values.data != nullptr, wants_gradient = call.gradient.data != nullptr;

    bool all_direct = wants_gradient && is_direct<T>(call.gradient);
    for (int i = 0; i < input_count; ++i) all_direct &= is_direct<T>(call.inputs[i]);
    if (weighted) all_direct &= is_direct<T>(call.weight);
    if (wants_values) all_direct &= is_direct<T>(call.values);
    const ptrdiff_t step = all_direct ? end - begin : block_length;

    alignas(64) T buffers[max_loss_inputs + 2][block_length];
    T* const weight_buffer = buffers[max_loss_inputs];
    T* const result_buffer = buffers[max_loss_inputs + 1];
    LaneSum sum;
    for (ptrdiff_t first = begin; first < end; first += step) {
        const ptrdiff_t count = end - first < step ? end - first : step;
        const T* inputs[max_loss_inputs];
        for (int i = 0; i < input_count; ++i) inputs[i] = load(call.inputs[i], first, count, buffers[i]);
        const T* weight = weighted ? load(call.weight, first, count, weight_buffer) : nullptr;
        if (wants_values) {
            T* values = is_direct<T>(call.values) ? direct<T>(call.values, first) : result_buffer;
            kernels.values(inputs, weight, call.parameters, values, count);
            if (values == result_buffer) store(values, call.values, first, count);
        }
        if (wants_gradient || !wants_values) {
            const bool in_place = wants_gradient && is_direct<T>(call.gradient);
            T* gradient = in_place ? direct<T>(call.gradient, first) : result_buffer;
            const auto kernel = weighted ? kernels.weighted : kernels.fused;
            kernel(inputs, weight, call.parameters, call.scale, gradient, sum.lanes(), count);
            if (wants_gradient && !in_place) store(gradient, call.gradient, first, count);
        }
    }
    return sum.total();
}

template <class Operation, class T>
constexpr LossKernels<T> loss_kernels() {
    return {fused_loss<Operation, T, false>, fused_loss<Operation, T, true>, loss_values<Operation, T>};
}

template <class Operation>
constexpr Loss loss_entry() {
    return {Operation::name,
            &Operation::description,
            operands_of<Operation>(),
            parameters_of<Operation>(),
            loss_kernels<Operation, float>(),
            loss_kernels<Operation, double>()};
}

template <class... Operations>
struct LossesOf;
template <class... Operations>
struct LossesOf<List<Operations...>> {
    static constexpr Loss entries[] = {loss_entry<Operations>()...};
    static constexpr Span<Loss> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
