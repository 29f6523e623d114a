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
struct BiasedInput<Forward<Operation, false>> {
    static constexpr int index = 0;
};
template <class Operation>
struct BiasedInput<Backward<Operation, false>> {
    static constexpr int index = 1;
};

template <class Formula, class S, int outputs>
struct ElementwiseKernel {
    using T = compute_t<S>;
    using Shared = device::Nothing;
    static constexpr int threads = 256;
    // All that a multiprocessor takes, where memory is what is waited for and the registers suffice.
    static constexpr int blocks_at_once = Formula::is_cheap && Formula::inputs <= 3 && __is_same(S, float) ? 8 : 1;
    static constexpr int length = pack_length<S>;
    static constexpr int inputs = Formula::inputs;
    static constexpr int biased = BiasedInput<Formula>::index;
    static constexpr bool may_be_halved = biased < 0;

    device::ElementwiseCall call;
    bool packed;  // every operand in whole packs, but for the last

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long first = (block.index * threads + thread) * length;
            if (first < call.n) run(first);
        });
    }

private:
    NPFUSE_DEVICE void run(long long first) const {
        const int count = call.n - first < length ? static_cast<int>(call.n - first) : length;
        const bool whole = packed && count == length;
        Pack<S, length> packs[inputs];
#pragma unroll
        for (int i = 0; i < inputs; ++i) read(i, first, whole, count, packs[i]);
        T in[inputs][length], out[outputs][length];
#pragma unroll
        for (int i = 0; i < inputs; ++i) {
            if (call.inputs[i].data != nullptr)
                convert(packs[i], in[i]);
            else
                fill(T(call.inputs[i].value), in[i]);
        }
        if constexpr (biased >= 0) {
            if (call.bias != nullptr) add_bias(first, whole, count, in[biased]);
        }
#pragma unroll
        for (int k = 0; k < length; ++k) apply(in, out, k, std::make_integer_sequence<int, inputs>());
#pragma unroll
        for (int i = 0; i < outputs; ++i) store(i, first, whole, count, out[i]);
    }

    NPFUSE_DEVICE long long column(long long element) const {
        if (call.n <= 0xffffffff) return unsigned(element) % unsigned(call.columns);  // 64 bits take thrice as long
        return element % call.columns;
    }

    // Where an element of an operand is: the rows of one half of an array have those of the other between them.
    NPFUSE_DEVICE long long place(bool is_half, long long element) const {
        return is_half ? 2 * element - column(element) : element;
    }

    NPFUSE_DEVICE void read(int i, long long first, bool whole, int count, Pack<S, length>& pack) const {
        const void* input = call.inputs[i].data;
        if (input == nullptr) return;
        const bool halved = may_be_halved && call.halved_inputs[i];
        if (whole || !halved) {
            pack = read_pack<S, length>(input, place(halved, first), whole, count);
        } else {
#pragma unroll
            for (int k = 0; k < length; ++k)
                if (k < count) pack.numbers[k] = static_cast<const S*>(input)[place(true, first + k)];
        }
    }

    NPFUSE_DEVICE void store(int i, long long first, bool whole, int count, const T (&numbers)[length]) const {
        void* output = call.outputs[i];
        const bool halved = may_be_halved && call.halved_outputs;
        if (whole || !halved) {
            store_rounded<S>(numbers, output, place(halved, first), whole, count);
        } else {
#pragma unroll
            for (int k = 0; k < length; ++k)
                if (k < count) from_compute(numbers[k], static_cast<S*>(output)[place(true, first + k)]);
        }
    }

    NPFUSE_DEVICE void add_bias(long long first, bool whole, int count, T* x) const {
        T bias[length] = {};
        if (whole) {
            load_pack<S>(call.bias, column(first), true, length, bias);
        } else {
#pragma unroll
            for (int k = 0; k < length; ++k)
                if (k < count) bias[k] = to_compute(static_cast<const S*>(call.bias)[column(first + k)]);
        }
#pragma unroll
        for (int k = 0; k < length; ++k) x[k] += bias[k];
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
    bool packed = call.columns % Kernel::length == 0 && device::is_aligned(call.bias);
    for (int i = 0; i < Formula::inputs; ++i) packed &= device::is_aligned(call.inputs[i].data);
    for (int i = 0; i < outputs; ++i) packed &= device::is_aligned(call.outputs[i]);
    device::launch(Kernel{call, packed}, device::blocks_for(call.n, Kernel::threads * Kernel::length), stream);
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
