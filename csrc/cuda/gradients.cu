// What an optimizer needs of gradients before a step: their norm, the sums of those that belong to one row, a factor.
#define NPFUSE_ISA cuda
#include "../loops/scale.h"
#include "../summation.h"
#include "pack.h"
#include "row_group.h"
#include "table.h"

NPFUSE_FORMULAS_BEGIN

// Calls f with numbers of a storage known only when the kernel runs.
template <class F>
NPFUSE_DEVICE auto with_numbers(DType storage, const void* numbers, F f) {
    switch (storage) {
        case DType::float16:
            return f(static_cast<const float16*>(numbers));
        case DType::bfloat16:
            return f(static_cast<const bfloat16*>(numbers));
        case DType::float32:
            return f(static_cast<const float*>(numbers));
        default:
            return f(static_cast<const double*>(numbers));
    }
}

// A warp for each block of numbers.
struct SquaresKernel {
    static constexpr int threads = 128;
    using Sums = WarpSums<threads>;
    using Shared = Sums::Shared;

    device::SquaresCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const auto own = [&](int thread) { return block.index * Sums::runs + Sums::Groups::row_of(thread); };
        Sums::each_run(block, shared, [&](int thread, auto add) {
            if (own(thread) >= call.blocks) return;
            const device::NormRecord& record = call.records[call.record_of_block[own(thread)]];
            const long long begin = (own(thread) - record.first_block) * norm_block_length, left = record.size - begin;
            const long long n = left < norm_block_length ? left : norm_block_length;
            with_numbers(DType(record.storage), record.data, [&](auto numbers) {
                add(n, [&](long long j) {
                    const double scaled = double(to_compute(numbers[begin + j])) * call.factor;
                    return scaled * scaled;
                });
            });
        });
        block.each_in_warps([&](int thread) {
            if (Sums::Groups::place_of(thread) == 0 && own(thread) < call.blocks)
                call.sums[own(thread)] = Sums::Groups::first_of(shared.sums, thread);
        });
    }
};

// A thread for each element of the sums.
struct RowSumKernel {
    static constexpr int threads = 256;
    using Shared = device::Nothing;

    device::RowSumCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long i = block.index * threads + thread;
            if (i >= call.rows * call.length) return;
            const long long row = i / call.length, column = i % call.length;
            const long long begin = row > 0 ? call.ends[row - 1] : 0, end = call.ends[row];
            double sum = number(begin, column);
            if (end - begin > 1) sum += 0.0;  // as from zero on
            for (long long k = begin + 1; k < end; ++k) sum += number(k, column);
            if (call.to_double)
                static_cast<double*>(call.sums)[i] = sum;
            else
                static_cast<float*>(call.sums)[i] = float(sum);
        });
    }

private:
    NPFUSE_DEVICE double number(long long k, long long column) const {
        const long long i = call.order[k] * call.length + column;
        return with_numbers(call.storage, call.gradients, [i](auto numbers) { return double(to_compute(numbers[i])); });
    }
};

template <class S>
struct ScaleKernel {
    static constexpr int threads = 256;
    using Shared = device::Nothing;

    device::ScaleCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long i = block.index * threads + thread;
            if (i >= call.n) return;
            S* number = static_cast<S*>(call.data) + i;
            from_compute(scaled_number<S>(to_compute(*number), call.factor), *number);
        });
    }
};

template <class S>
void launch_scale(const device::ScaleCall& call, device::Stream stream) {
    device::launch(ScaleKernel<S>{call}, device::blocks_for(call.n, ScaleKernel<S>::threads), stream);
}

NPFUSE_FORMULAS_END

namespace npfuse::device {

void sum_squares(const SquaresCall& call, Stream stream) {
    launch(cuda::SquaresKernel{call}, blocks_for(call.blocks, cuda::SquaresKernel::Sums::runs), stream);
}

void sum_rows(const RowSumCall& call, Stream stream) {
    launch(cuda::RowSumKernel{call}, blocks_for(call.rows * call.length, cuda::RowSumKernel::threads), stream);
}

void scale(const ScaleCall& call, Stream stream) {
    switch (call.storage) {
        case DType::float16:
            return cuda::launch_scale<cuda::float16>(call, stream);
        case DType::bfloat16:
            return cuda::launch_scale<cuda::bfloat16>(call, stream);
        case DType::float32:
            return cuda::launch_scale<float>(call, stream);
        default:
            return cuda::launch_scale<double>(call, stream);
    }
}

}  // namespace npfuse::device
