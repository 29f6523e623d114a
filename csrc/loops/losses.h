// How an elementwise loss runs over memory: the sum of its values and its scaled gradient in one pass.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "elementwise.h"
#include "index_sequence.h"
#include "lanes.h"
#include "views.h"

NPFUSE_FORMULAS_BEGIN

template <class Operation>
constexpr Span<Parameter> operands_of() {
    if constexpr (requires { Operation::operands; })
        return {Operation::operands, sizeof(Operation::operands) / sizeof(Parameter)};
    else
        return {nullptr, 0};
}

template <class Operation>
constexpr Span<Flag> flags_of() {
    if constexpr (requires { Operation::flags; })
        return {Operation::flags, sizeof(Operation::flags) / sizeof(Flag)};
    else
        return {nullptr, 0};
}

template <class Operation>
constexpr int variant_count() {
    return requires { Operation::variant_for; } ? 2 : 1 << flags_of<Operation>().count;
}

// The formulas that a setting of the flags, or of the parameters, chooses.
template <class Operation, int variant>
struct Variant {
    template <class... T>
    NPFUSE_FORMULA static auto value(T... operands) {
        if constexpr (variant_count<Operation>() == 1)
            return Operation::value(operands...);
        else
            return Operation::template value<variant != 0>(operands...);
    }
    template <class... T>
    NPFUSE_FORMULA static auto gradient(T... operands) {
        if constexpr (variant_count<Operation>() == 1)
            return Operation::gradient(operands...);
        else
            return Operation::template gradient<variant != 0>(operands...);
    }
};

// A loss's formulas with its parameters bound: functions of the position alone.
template <class Formulas, class T, class Inputs, class Parameters>
struct BoundLoss;

template <class Formulas, class T, int... I, int... P>
struct BoundLoss<Formulas, T, IndexSequence<I...>, IndexSequence<P...>> {
    const T* inputs[sizeof...(I)];
    T parameters[sizeof...(P) + 1];

    NPFUSE_FORMULA BoundLoss(const T* const* in, const double* values)
        : inputs{in[I]...}, parameters{T(values[P])...} {}

    NPFUSE_FORMULA auto value(ptrdiff_t i) const { return Formulas::value(inputs[I][i]..., parameters[P]...); }
    NPFUSE_FORMULA auto gradient(ptrdiff_t i) const { return Formulas::gradient(inputs[I][i]..., parameters[P]...); }
};

template <class Operation, int variant, class T>
using Bound =
    BoundLoss<Variant<Operation, variant>, T, typename MakeIndexSequence<2 + int(operands_of<Operation>().count)>::type,
              typename MakeIndexSequence<int(parameter_count<Operation>())>::type>;

template <class Operation, int variant, class T>
void separate_loss(const T* const* inputs, const double* parameters, double factor, double* values, T* gradient,
                   ptrdiff_t n) {
    const Bound<Operation, variant, T> loss(inputs, parameters);
    const Scale<T> scale(factor);
    const ptrdiff_t whole = n / loss_chunk * loss_chunk;
#pragma omp simd
    for (ptrdiff_t i = 0; i < whole; ++i) {
        values[i] = to_double(loss.value(i));
        gradient[i] = scaled(loss.gradient(i), scale);
    }
}

// How many lanes one loop computes: with AVX-512 a vector, so that the compiler interleaves several loops and none
// waits for what it is itself still computing.
#if defined(__AVX512F__)
template <class T>
inline constexpr ptrdiff_t lanes_at_once = 64 / ptrdiff_t(sizeof(T));
#else
template <class T>
inline constexpr ptrdiff_t lanes_at_once = lane_count;
#endif

template <class Operation, int variant, class T>
void fused_loss(const T* const* inputs, const double* parameters, double factor, double* lane_sums, T* gradient,
                ptrdiff_t n) {
    constexpr ptrdiff_t width = lanes_at_once<T>, vectors = lane_count / width;
    const Bound<Operation, variant, T> loss(inputs, parameters);
    const Scale<T> scale(factor);
    alignas(64) double lanes[vectors][width];
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lanes[lane / width][lane % width] = lane_sums[lane];
    for (ptrdiff_t i = 0; i < n; i += lane_count) {
        // The gradient may lie where an input does: all is read before any is written.
        T slopes[vectors][width];
        NPFUSE_UNROLL
        for (ptrdiff_t v = 0; v < vectors; ++v)
#pragma omp simd
            for (ptrdiff_t j = 0; j < width; ++j) {
                lanes[v][j] = add_value(lanes[v][j], loss.value(i + v * width + j));
                slopes[v][j] = scaled(loss.gradient(i + v * width + j), scale);
            }
        NPFUSE_UNROLL
        for (ptrdiff_t v = 0; v < vectors; ++v)
#pragma omp simd
            for (ptrdiff_t j = 0; j < width; ++j) gradient[i + v * width + j] = slopes[v][j];
    }
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lane_sums[lane] = lanes[lane / width][lane % width];
}

template <class T>
inline const LossKernels<T>& kernels_for(const Loss& loss, const LossCall& call) {
    const int variant = loss.variant_for ? loss.variant_for(call.parameters) : call.variant;
    if constexpr (__is_same(T, float))
        return loss.float32[variant];
    else
        return loss.float64[variant];
}

// The pieces in which a block is computed: as long as they lie in memory as the kernels want them, else as long as the
// buffers. What is left over at the end of an array makes a piece of less than a chunk, filled up in the buffers.
template <class T>
class LossPieces {
public:
    LossPieces(const Loss& loss, const LossCall& call)
        : call_(call),
          kernels_(kernels_for<T>(loss, call)),
          input_count_(2 + int(loss.operands.count)),
          is_fused_(!call.weight.data && !call.values.data) {
        all_direct_ = is_fused_ && is_direct<T>(call.gradient);
        for (int i = 0; i < input_count_; ++i) all_direct_ &= is_direct<T>(call.inputs[i]);
    }

    double sum(ptrdiff_t begin, ptrdiff_t end) {
        const ptrdiff_t longest = end - begin < piece_length ? end - begin : piece_length;
        for (int i = 0; i < input_count_; ++i)
            if (is_repeated(call_.inputs[i])) fill(call_.inputs[i], longest, input_buffers_[i]);
        for (ptrdiff_t first = begin; first < end;) {
            const ptrdiff_t whole = (end - first) / loss_chunk * loss_chunk;
            const ptrdiff_t count = whole == 0                             ? end - first
                                    : all_direct_ || whole <= piece_length ? whole
                                                                           : piece_length;
            compute(first, count);
            first += count;
        }
        return sum_.total();
    }

private:
    static constexpr ptrdiff_t piece_length = sizeof(T) == 4 ? 1024 : 640;

    const T* input(const View& view, ptrdiff_t first, ptrdiff_t count, T* buffer) {
        if (count >= loss_chunk && is_direct<T>(view)) return direct<T>(view, first);
        if (!is_repeated(view)) load(view, first, count, buffer);
        for (ptrdiff_t i = count; i < loss_chunk; ++i) buffer[i] = T(0);
        return buffer;
    }

    void compute(ptrdiff_t first, ptrdiff_t count) {
        const T* inputs[max_loss_inputs];
        for (int i = 0; i < input_count_; ++i) inputs[i] = input(call_.inputs[i], first, count, input_buffers_[i]);
        const bool wants_gradient = call_.gradient.data != nullptr;
        const bool in_place = wants_gradient && count >= loss_chunk && is_direct<T>(call_.gradient);
        T* gradient = in_place ? direct<T>(call_.gradient, first) : gradient_buffer_;
        if (is_fused_)
            fused(inputs, gradient, count);
        else
            separate(inputs, gradient, first, count);
        if (wants_gradient && !in_place) store(gradient, call_.gradient, first, count);
    }

    void fused(const T* const* inputs, T* gradient, ptrdiff_t count) {
        if (count >= loss_chunk) {
            kernels_.fused(inputs, call_.parameters, call_.scale, sum_.lanes(), gradient, count);
            return;
        }
        LaneSum last;
        kernels_.fused(inputs, call_.parameters, call_.scale, last.lanes(), gradient, loss_chunk);
        for (ptrdiff_t lane = 0; lane < count; ++lane) sum_.lanes()[lane] += last.lanes()[lane];
    }

    void separate(const T* const* inputs, T* gradient, ptrdiff_t first, ptrdiff_t count) {
        const ptrdiff_t padded = count < loss_chunk ? loss_chunk : count;
        const double scale = call_.weight.data ? 1 : call_.scale;
        kernels_.separate(inputs, call_.parameters, scale, values_, gradient, padded);
        if (call_.weight.data) {
            if (is_repeated(call_.weight)) fill(call_.weight, count, weight_buffer_);
            const T* weight = input(call_.weight, first, count, weight_buffer_);
#pragma omp simd
            for (ptrdiff_t i = 0; i < count; ++i) {
                values_[i] *= wide(weight[i]);
                gradient[i] = weighted(gradient[i], weight[i], call_.scale);
            }
        }
        sum_.add(values_, count);
        if (call_.values.data) store_values(first, count);
    }

    void store_values(ptrdiff_t first, ptrdiff_t count) {
        T* const narrow = weight_buffer_;  // which is needed no more
#pragma omp simd
        for (ptrdiff_t i = 0; i < count; ++i) narrow[i] = T(values_[i]);
        store(narrow, call_.values, first, count);
    }

    const LossCall& call_;
    const LossKernels<T>& kernels_;
    const int input_count_;
    const bool is_fused_;
    bool all_direct_;
    LaneSum sum_;
    alignas(64) T input_buffers_[max_loss_inputs][piece_length];
    alignas(64) T weight_buffer_[piece_length];
    alignas(64) T gradient_buffer_[piece_length];
    alignas(64) double values_[piece_length];
};

// Elements [begin, end) of a call.
template <class T>
double run_loss(const Loss& loss, const LossCall& call, ptrdiff_t begin, ptrdiff_t end) {
    return LossPieces<T>(loss, call).sum(begin, end);
}

template <class Operation, int variant, class T>
constexpr LossKernels<T> loss_kernels() {
    if constexpr (variant < variant_count<Operation>())
        return {separate_loss<Operation, variant, T>, fused_loss<Operation, variant, T>};
    else
        return {};
}

template <class Operation>
constexpr auto variant_choice() -> int (*)(const double*) {
    if constexpr (requires { Operation::variant_for; })
        return Operation::variant_for;
    else
        return nullptr;
}

template <class Operation>
constexpr Loss loss_entry() {
    return {Operation::name,
            &Operation::description,
            operands_of<Operation>(),
            parameters_of<Operation>(),
            flags_of<Operation>(),
            variant_choice<Operation>(),
            {loss_kernels<Operation, 0, float>(), loss_kernels<Operation, 1, float>()},
            {loss_kernels<Operation, 0, double>(), loss_kernels<Operation, 1, double>()}};
}

NPFUSE_FORMULAS_END
