// Sums for the columns of a matrix while a formula goes over it: a thread goes down a column of a band of rows, as the
// CPU's sums do, and the bands' sums are then added in order.
#pragma once

#define NPFUSE_ISA cuda
#include "../loops/elementwise.h"
#include "../summation.h"
#include "launch.h"
#include "pack.h"
#include "table.h"

NPFUSE_FORMULAS_BEGIN

// Inputs at `length` neighbours: those that have a number for each element, or the others, which have a period.
template <class S, int length, int inputs>
NPFUSE_DEVICE void load_inputs(const device::MatrixCall& call, bool repeated, long long first,
                               compute_t<S> (&numbers)[inputs][length]) {
#pragma unroll
    for (int i = 0; i < inputs; ++i) {
        const device::MatrixInput& input = call.inputs[i];
        if (input.data == nullptr) {
            fill(compute_t<S>(input.value), numbers[i]);
        } else if ((input.period != 0) == repeated) {
            load_pack<S>(input.data, first, true, length, numbers[i]);
        }
    }
}

// Body::apply(operands) is a pair: what is written, and what is summed.
template <class Body, class T, int length>
NPFUSE_DEVICE Pair<T> applied(const T (&numbers)[Body::inputs][length], int k) {
    T operands[Body::inputs];
#pragma unroll
    for (int i = 0; i < Body::inputs; ++i) operands[i] = numbers[i][k];
    return Body::apply(operands);
}

// `length` neighbouring columns to a thread.
template <class Body, class S, int length>
struct ColumnBand {
    using T = compute_t<S>;
    using Shared = device::Nothing;
    static constexpr int threads = 128;
    static constexpr int ahead = length < 8 ? 4 : 2;  // rows that are read at once

    device::MatrixCall call;
    long long band, strips;  // rows of a band; strips of adjacent columns

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        const long long number = block.index / strips, first = number * band;
        const long long last = first + band < call.rows ? first + band : call.rows;
        block.each([&](int thread) {
            const long long column = (block.index % strips * threads + thread) * length;
            if (column >= call.columns) return;
            double sums[length] = {};
            long long row = first;
            for (; row + ahead <= last; row += ahead) run<ahead>(row, column, sums);
            for (; row < last; ++row) run<1>(row, column, sums);
#pragma unroll
            for (int k = 0; k < length; ++k) call.partial[number * call.columns + column + k] = sums[k];
        });
    }

private:
    template <int rows>
    NPFUSE_DEVICE void run(long long row, long long column, double (&sums)[length]) const {
        T in[rows][Body::inputs][length], out[length];
#pragma unroll
        for (int r = 0; r < rows; ++r) {
            load_inputs<S>(call, false, (row + r) * call.columns + column, in[r]);
            load_inputs<S>(call, true, column, in[r]);
        }
#pragma unroll
        for (int r = 0; r < rows; ++r) {
#pragma unroll
            for (int k = 0; k < length; ++k) {
                const Pair<T> both = applied<Body>(in[r], k);
                out[k] = both.hi;
                sums[k] += double(both.lo);
            }
            store_rounded<S>(out, call.output, (row + r) * call.columns + column, true, length);
        }
    }
};

// A sum as an array holds it, rounded once like NumPy's: the float between two halves is odd, so that it is no tie.
template <class S>
NPFUSE_DEVICE void store_sum(double sum, S& stored) {
    from_compute(compute_t<S>(sum), stored);
}
NPFUSE_DEVICE void store_sum(double sum, float16& stored) {
    const float nearest = float(sum);
    const bool is_exact = double(nearest) == sum || sum != sum;
    const bool is_beyond = __builtin_fabs(double(nearest)) > __builtin_fabs(sum);
    const uint32_t odd = (__builtin_bit_cast(uint32_t, nearest) - uint32_t(is_beyond)) | 1u;
    from_compute(is_exact ? nearest : __builtin_bit_cast(float, odd), stored);
}

// The sums of bands, in order.
template <class S>
struct BandTotal {
    using Shared = device::Nothing;
    static constexpr int threads = 32;
    static constexpr int ahead = 16;

    device::MatrixCall call;
    long long bands;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long column = block.index * threads + thread;
            if (column >= call.period) return;
            double sum = 0;
            long long i = 0;
            for (; i + ahead <= bands; i += ahead) {
                double next[ahead];
#pragma unroll
                for (int k = 0; k < ahead; ++k) next[k] = call.partial[(i + k) * call.period + column];
#pragma unroll
                for (int k = 0; k < ahead; ++k) sum += next[k];
            }
            for (; i < bands; ++i) sum += call.partial[i * call.period + column];
            store_sum(sum, static_cast<S*>(call.sums)[column]);
        });
    }
};

template <class S>
void launch_total(const device::MatrixCall& call, long long bands, device::Stream stream) {
    device::launch(BandTotal<S>{call, bands}, device::blocks_for(call.period, BandTotal<S>::threads), stream);
}

template <class Body, class S, int length>
void launch_bands(const device::MatrixCall& call, long long band, long long bands, device::Stream stream) {
    using Band = ColumnBand<Body, S, length>;
    const long long strips = device::blocks_for(call.columns, Band::threads * length);
    device::launch(Band{call, band, strips}, bands * strips, stream);
}

// Sums for columns: the period is their number.
template <class Body, class S>
void launch_column_sums(const device::MatrixCall& call, device::Stream stream) {
    constexpr int length = pack_length<S>;
    bool packed = call.columns % length == 0 && device::is_aligned(call.output);
    for (int i = 0; i < Body::inputs; ++i) packed &= device::is_aligned(call.inputs[i].data);
    const long long band = rows_per_band(call.columns), bands = device::blocks_for(call.rows, band);
    if (packed)
        launch_bands<Body, S, length>(call, band, bands, stream);
    else
        launch_bands<Body, S, 1>(call, band, bands, stream);
    launch_total<S>(call, bands, stream);
}

template <class Body>
constexpr device::MatrixKernels column_sum_launchers() {
    return {{launch_column_sums<Body, float16>, launch_column_sums<Body, bfloat16>, launch_column_sums<Body, float>,
             launch_column_sums<Body, double>}};
}

NPFUSE_FORMULAS_END
