// Some threads of a block that work on one row together. Sums have the order of loops/lanes.h: element j belongs to
// lane j mod 32, and each lane adds its elements in order. Every thread computes terms; 32 threads of the group, one
// for each lane, add them up.
#pragma once

#define NPFUSE_ISA cuda
#include "../formulas/registry.h"
#include "../loops/lanes.h"
#include "launch.h"

NPFUSE_FORMULAS_BEGIN

// The rows of a block of `threads`, `width` of them to a row.
template <int threads, int width>
class RowGroups {
public:
    static_assert(width % lane_count == 0 && threads % width == 0);
    static constexpr int rows = threads / width;
    static constexpr int depth = 4;  // terms of each thread between two rounds of adding up

    using Lanes = double[rows][lane_count];
    struct Shared {
        double terms[threads * depth];
        Lanes lanes;
    };

    static NPFUSE_DEVICE int row_of(int thread) { return thread / width; }
    static NPFUSE_DEVICE int place_of(int thread) { return thread % width; }

    // Leaves in totals[0] of each group's part of `values`, a number for each thread, what combine makes of them all.
    template <class Value, class Combine>
    static NPFUSE_DEVICE void combine_all(const device::Block<threads>& block, Value* values, Combine combine) {
#pragma unroll
        for (int half = width / 2; half > 0; half /= 2)
            block.each([&](int thread) {
                if (place_of(thread) < half) values[thread] = combine(values[thread], values[thread + half]);
            });
    }

    // Leaves in shared.lanes[row][0] the sum of term(thread, j), a double, over the row's elements j in [0, n).
    template <class Term>
    static NPFUSE_DEVICE void sum(const device::Block<threads>& block, Shared& shared, long long n, Term term) {
        constexpr int tile = width * depth;
        device::Own<double, threads> lane;
        block.each([&](int thread) { lane[thread] = 0; });
        for (long long begin = 0; begin < n; begin += tile) {
            const int count = n - begin < tile ? static_cast<int>(n - begin) : tile;
            block.each([&](int thread) {
                double* terms = shared.terms + row_of(thread) * tile;
#pragma unroll
                for (int k = 0; k < depth; ++k) {
                    const int i = k * width + place_of(thread);
                    if (i < count) terms[i] = term(thread, begin + i);
                }
            });
            block.each([&](int thread) {
                if (place_of(thread) >= lane_count) return;
                const double* terms = shared.terms + row_of(thread) * tile;
                for (int i = place_of(thread); i < count; i += lane_count) lane[thread] += terms[i];
            });
        }
        add_lanes(block, shared.lanes, lane);
    }

    // The fixed tree, from the threads' own sums.
    static NPFUSE_DEVICE void add_lanes(const device::Block<threads>& block, Lanes& lanes,
                                        device::Own<double, threads>& lane) {
        block.each([&](int thread) {
            if (place_of(thread) < lane_count) lanes[row_of(thread)][place_of(thread)] = lane[thread];
        });
#pragma unroll
        for (int half = lane_count / 2; half > 0; half /= 2)
            block.each([&](int thread) {
                double* sums = lanes[row_of(thread)];
                if (place_of(thread) < half) sums[place_of(thread)] += sums[place_of(thread) + half];
            });
    }
};

NPFUSE_FORMULAS_END
