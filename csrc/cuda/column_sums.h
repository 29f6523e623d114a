// Sums for the columns of a matrix while a formula goes over it: a thread goes down a column of a band of rows, as the
// CPU's sums do, and the bands' sums are then added in order.
#pragma once

#define NPFUSE_ISA cuda
#include "../loops/elementwise.h"
#include "../summation.h"
#include "launch.h"
#include "table.h"

NPFUSE_FORMULAS_BEGIN

// One number of each input; `repeated` is the position among those that have a period.
template <class S, int inputs>
NPFUSE_DEVICE void load_operands(const device::MatrixCall& call, long long element, long long repeated,
                                 compute_t<S> (&numbers)[inputs]) {
#pragma unroll
    for (int i = 0; i < inputs; ++i) {
        const device::MatrixInput& input = call.inputs[i];
        const long long at = input.period == 0 ? element : repeated;
        numbers[i] =
            input.data == nullptr ? compute_t<S>(input.value) : to_compute(static_cast<const S*>(input.data)[at]);
    }
}

// Body::apply(operands) is a pair: what is written, and what is summed.
template <class Body, class S>
struct ColumnBand {
    using Shared = device::Nothing;
    static constexpr int threads = 256;

    device::MatrixCall call;
    long long band, strips;  // rows of a band; threads-wide strips of columns beside each other

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        const long long first = block.index / strips * band;
        const long long last = first + band < call.rows ? first + band : call.rows;
        block.each([&](int thread) {
            const long long column = block.index % strips * threads + thread;
            if (column >= call.columns) return;
            double sum = 0;
            for (long long row = first; row < last; ++row) {
                const long long element = row * call.columns + column;
                compute_t<S> numbers[Body::inputs];
                load_operands<S>(call, element, column, numbers);
                const auto both = Body::apply(numbers);
                from_compute(both.hi, static_cast<S*>(call.output)[element]);
                sum += double(both.lo);
            }
            call.partial[first / band * call.columns + column] = sum;
        });
    }
};

// The sums of bands, in order, stored as the arrays are.
template <class S>
struct BandTotal {
    using Shared = device::Nothing;
    static constexpr int threads = 256;

    device::MatrixCall call;
    long long bands;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long column = block.index * threads + thread;
            if (column >= call.period) return;
            double sum = 0;
            for (long long i = 0; i < bands; ++i) sum += call.partial[i * call.period + column];
            from_compute(compute_t<S>(sum), static_cast<S*>(call.sums)[column]);
        });
    }
};

template <class S>
void launch_total(const device::MatrixCall& call, long long bands, device::Stream stream) {
    device::launch(BandTotal<S>{call, bands}, device::blocks_for(call.period, BandTotal<S>::threads), stream);
}

// Sums for columns: the period is their number.
template <class Body, class S>
void launch_column_sums(const device::MatrixCall& call, device::Stream stream) {
    using Band = ColumnBand<Body, S>;
    const long long band = rows_per_band(call.columns), bands = device::blocks_for(call.rows, band);
    const long long strips = device::blocks_for(call.columns, Band::threads);
    device::launch(Band{call, band, strips}, bands * strips, stream);
    launch_total<S>(call, bands, stream);
}

template <class Body>
constexpr device::MatrixKernels column_sum_launchers() {
    return {{launch_column_sums<Body, float16>, launch_column_sums<Body, bfloat16>, launch_column_sums<Body, float>,
             launch_column_sums<Body, double>}};
}

NPFUSE_FORMULAS_END
