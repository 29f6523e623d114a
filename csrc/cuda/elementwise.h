// How an elementwise formula runs over contiguous device memory: 16 bytes of each operand to a thread.
#pragma once

#define NPFUSE_ISA cuda
#include <utility>

#include "../loops/elementwise.h"
#include "launch.h"
#include "pack.h"
#include "table.h"

NPFUSE_FORMULAS_BEGIN

// Which of a formula's inputs a bias may be added to.
template <class Formula>
struct BiasedInput {
    static constexpr int index = -1;
};
template <class Operation>
struct BiasedInput<Forward<Operation>> {
    static constexpr int index = 0;
};
template <class Operation>
struct BiasedInput<Backward<Operation>> {
    static constexpr int index = 1;
};

template <class Formula, class S, int outputs>
struct ElementwiseKernel {
    using T = compute_t<S>;
    using Shared = device::Nothing;
    static constexpr int threads = 256;
    static constexpr int length = pack_length<S>;
    static constexpr int inputs = Formula::inputs;
    static constexpr int biased = BiasedInput<Formula>::index;

    device::ElementwiseCall call;
    bool aligned;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long first = (block.index * threads + thread) * length;
            if (first < call.n) run(first);
        });
    }

private:
    NPFUSE_DEVICE void run(long long first) const {
        const int count = call.n - first < length ? static_cast<int>(call.n - first) : length;
        const bool whole = aligned && count == length;
        T in[inputs][length], out[outputs][length];
#pragma unroll
        for (int i = 0; i < inputs; ++i) load(call.inputs[i], first, whole, count, in[i]);
        if constexpr (biased >= 0) {
            if (call.bias.data != nullptr) add_bias(first, count, in[biased]);
        }
#pragma unroll
        for (int k = 0; k < length; ++k) apply(in, out, k, std::make_integer_sequence<int, inputs>());
#pragma unroll
        for (int i = 0; i < outputs; ++i) store_rounded<S>(out[i], call.outputs[i], first, whole, count);
    }

    static NPFUSE_DEVICE void load(const device::Input& input, long long first, bool whole, int count,
                                   T (&numbers)[length]) {
        if (input.data != nullptr) {
            load_pack<S>(input.data, first, whole, count, numbers);
        } else {
#pragma unroll
            for (int k = 0; k < length; ++k) numbers[k] = T(input.value);
        }
    }

    NPFUSE_DEVICE void add_bias(long long first, int count, T* x) const {
        long long column = first % call.bias.columns;
#pragma unroll
        for (int k = 0; k < length; ++k) {
            if (k < count) x[k] += to_compute(static_cast<const S*>(call.bias.data)[column]);
            column = column + 1 == call.bias.columns ? 0 : column + 1;
        }
    }

    template <int... I>
    static NPFUSE_DEVICE void apply(const T (&in)[inputs][length], T (&out)[outputs][length], int k,
                                    std::integer_sequence<int, I...>) {
        if constexpr (outputs == 1) {
            out[0][k] = Formula::apply(in[I][k]...);
        } else {
            const Pair<T> both = Formula::apply(in[I][k]...);
            out[0][k] = both.hi;
            out[1][k] = both.lo;
        }
    }
};

template <class Formula, class S, int outputs>
void launch_elementwise(const device::ElementwiseCall& call, device::Stream stream) {
    using Kernel = ElementwiseKernel<Formula, S, outputs>;
    bool aligned = true;
    for (int i = 0; i < Formula::inputs; ++i) aligned &= device::is_aligned(call.inputs[i].data);
    for (int i = 0; i < outputs; ++i) aligned &= device::is_aligned(call.outputs[i]);
    device::launch(Kernel{call, aligned}, device::blocks_for(call.n, Kernel::threads * Kernel::length), stream);
}

template <class Formula, int outputs = 1>
constexpr device::Elementwise elementwise_launchers() {
    return {Formula::inputs,
            outputs,
            {launch_elementwise<Formula, float16, outputs>, launch_elementwise<Formula, bfloat16, outputs>,
             launch_elementwise<Formula, float, outputs>, launch_elementwise<Formula, double, outputs>}};
}

// One set of launchers for each operation of a list.
template <template <class> class Formula, int outputs, class Operations>
struct LaunchersOf;
template <template <class> class Formula, int outputs, class... Operations>
struct LaunchersOf<Formula, outputs, List<Operations...>> {
    static constexpr device::Elementwise entries[] = {elementwise_launchers<Formula<Operations>, outputs>()...};
    static constexpr Span<device::Elementwise> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
