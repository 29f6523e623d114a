// How an elementwise loss runs over device memory: a block of threads for each block of elements that the CPU sums by
// itself, the sum of its values and its scaled gradient in one pass.
#pragma once

#define NPFUSE_ISA cuda
#include <type_traits>
#include <utility>

#include "../loops/losses.h"
#include "pack.h"
#include "table.h"
#include "tile_sums.h"

NPFUSE_FORMULAS_BEGIN

template <class Operation, int variant, class S>
struct LossBlock {
    using T = compute_t<S>;
    using Formulas = Variant<Operation, variant>;
    static constexpr int threads = 256;
    static constexpr int length = pack_length<S>;
    static constexpr int inputs = 2 + static_cast<int>(operands_of<Operation>().count);
    static constexpr int parameter_total = static_cast<int>(parameter_count<Operation>());

    template <int... I, int... P>
    static NPFUSE_FORMULA auto value(const T (&in)[inputs][length], const T* by, int k,
                                     std::integer_sequence<int, I...>, std::integer_sequence<int, P...>) {
        return Formulas::value(in[I][k]..., by[P]...);
    }
    template <int... I, int... P>
    static NPFUSE_DEVICE T gradient(const T (&in)[inputs][length], const T* by, int k, std::integer_sequence<int, I...>,
                                    std::integer_sequence<int, P...>) {
        return Formulas::gradient(in[I][k]..., by[P]...);
    }
    using EachInput = std::make_integer_sequence<int, inputs>;
    using EachParameter = std::make_integer_sequence<int, parameter_total>;
    using Value =
        decltype(value(std::declval<const T (&)[inputs][length]>(), nullptr, 0, EachInput(), EachParameter()));

    // A value and its weight, multiplied; or, where there are no weights, the value as the formula says it. A double
    // holds whatever comes of floats, so that these are converted where they are computed: one warp alone adds up.
    static constexpr bool is_exact = sizeof(T) == sizeof(float);
    union ValueOrProduct {
        Value value;
        double product;
    };
    using Term = std::conditional_t<is_exact, double, ValueOrProduct>;
    using Tiles = TileSums<threads, length, 1, Term>;
    using Shared = typename Tiles::Shared;

    device::LossCall call;
    T parameters[parameter_total + 1];
    Scale<T> scale;
    bool aligned, is_fused;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const long long begin = block.index * loss_block_length, left = call.n - begin;
        const long long total = left < loss_block_length ? left : loss_block_length;
        Tiles::sum(
            block, shared, total, loss_block_length,
            [&](int thread, long long first, int count, Term* terms) {
                compute(terms, begin + first, thread * length, count);
            },
            [&](double sum, const Term& term, long long i) {
                if constexpr (is_exact)
                    return sum + term;
                else
                    return is_fused ? fused(sum, term.value, i < total / loss_chunk * loss_chunk) : sum + term.product;
            });
        block.each([&](int thread) {
            if (thread == 0) call.sums[block.index] = shared.total;
        });
    }

private:
    // What is left over after whole chunks is summed from zero first.
    static NPFUSE_DEVICE double fused(double sum, Value value, bool in_whole_chunk) {
        return in_whole_chunk ? add_value(sum, value) : sum + add_value(0, value);
    }

    static NPFUSE_DEVICE Term term_of(bool is_fused, Value value, double product) {
        if constexpr (is_exact)
            return product;
        else
            return is_fused ? Term{.value = value} : Term{.product = product};
    }

    NPFUSE_DEVICE void compute(Term* terms, long long first, int place, int total) const {
        if (place >= total) return;
        const int count = total - place < length ? total - place : length;
        const bool pack = aligned && count == length;
        T in[inputs][length], weight[length] = {}, gradients[length], values[length];
#pragma unroll
        for (int i = 0; i < inputs; ++i) load(call.inputs[i], first + place, pack, count, in[i]);
        if (call.weight != nullptr) load_pack<S>(call.weight, first + place, pack, count, weight);
#pragma unroll
        for (int k = 0; k < length; ++k) {
            const Value own = value(in, parameters, k, EachInput(), EachParameter());
            const double product = call.weight != nullptr ? to_double(own) * wide(weight[k]) : to_double(own);
            terms[Tiles::place(place + k)] = term_of(is_fused, own, product);
            values[k] = T(product);
            if (call.gradient != nullptr) {
                const T slope = gradient(in, parameters, k, EachInput(), EachParameter());
                gradients[k] = call.weight != nullptr ? weighted(slope, weight[k], call.scale) : scaled(slope, scale);
            }
        }
        if (call.gradient != nullptr) store_rounded<S>(gradients, call.gradient, first + place, pack, count);
        if (call.values != nullptr) store_rounded<S>(values, call.values, first + place, pack, count);
    }

    static NPFUSE_DEVICE void load(const device::Input& input, long long first, bool pack, int count,
                                   T (&numbers)[length]) {
        if (input.data != nullptr)
            load_pack<S>(input.data, first, pack, count, numbers);
        else
            fill(T(input.value), numbers);
    }
};

template <class Operation, int variant, class S>
void launch_loss_variant(const device::LossCall& call, device::Stream stream) {
    using Kernel = LossBlock<Operation, variant, S>;
    using T = typename Kernel::T;
    const bool is_fused = call.weight == nullptr && call.values == nullptr;
    Kernel kernel = {call, {}, Scale<T>(call.scale), true, is_fused};
    for (int p = 0; p < Kernel::parameter_total; ++p) kernel.parameters[p] = T(call.parameters[p]);
    for (int i = 0; i < Kernel::inputs; ++i) kernel.aligned &= device::is_aligned(call.inputs[i].data);
    for (const void* pointer :
         {call.weight, static_cast<const void*>(call.values), static_cast<const void*>(call.gradient)})
        kernel.aligned &= device::is_aligned(pointer);
    device::launch(kernel, device::blocks_for(call.n, loss_block_length), stream);
}

template <class Operation, class S>
void launch_loss(const device::LossCall& call, device::Stream stream) {
    int variant = call.variant;
    if constexpr (requires { Operation::variant_for; }) variant = Operation::variant_for(call.parameters);
    if constexpr (variant_count<Operation>() > 1) {
        if (variant == 1) return launch_loss_variant<Operation, 1, S>(call, stream);
    }
    launch_loss_variant<Operation, 0, S>(call, stream);
}

template <class Operation>
constexpr device::Loss loss_entry_on_device() {
    return {Operation::name,
            operands_of<Operation>(),
            parameters_of<Operation>(),
            flags_of<Operation>(),
            {launch_loss<Operation, float16>, launch_loss<Operation, bfloat16>, launch_loss<Operation, float>,
             launch_loss<Operation, double>}};
}

template <class... Operations>
struct LossLaunchers;
template <class... Operations>
struct LossLaunchers<List<Operations...>> {
    static constexpr device::Loss entries[] = {loss_entry_on_device<Operations>()...};
    static constexpr Span<device::Loss> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
