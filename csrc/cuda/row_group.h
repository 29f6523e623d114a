// Some threads of a block that work on one row together. Sums have the order of loops/lanes.h: element j belongs to
// lane j mod 32, each lane adds its elements in order, and the lanes are added in a fixed tree.
#pragma once

#define NPFUSE_ISA cuda
#include "../formulas/registry.h"
#include "../loops/lanes.h"
#include "launch.h"

NPFUSE_FORMULAS_BEGIN

// The rows of a block of `threads`, `width` of them to a row: neighbours, or, where the rows' elements lie across each
// other, threads as far apart as there are rows, so that neighbours read neighbours.
template <int threads, int width, bool across = false>
class RowGroups {
public:
    static_assert(threads % width == 0 && (width == 1 || width % lane_count == 0));
    static constexpr int rows = threads / width;

    static NPFUSE_DEVICE int row_of(int thread) { return across ? thread % rows : thread / width; }
    static NPFUSE_DEVICE int place_of(int thread) { return across ? thread / rows : thread % width; }

    // A step after which the threads of a group read only what their group has written.
    template <class Work>
    static NPFUSE_DEVICE void each(const device::Block<threads>& block, Work work) {
        if constexpr (width <= 32 && !across)
            block.each_in_warps(work);
        else
            block.each(work);
    }

    // Of an array of a number for each thread: that of the group's first, where what is combined ends up.
    template <class Value>
    static NPFUSE_DEVICE const Value& first_of(const Value* values, int thread) {
        return values[across ? row_of(thread) : row_of(thread) * width];
    }

    // Leaves with each group's first thread what combine makes of the numbers of its first `count`.
    template <int count = width, class Value, class Combine>
    static NPFUSE_DEVICE void combine_all(const device::Block<threads>& block, Value* values, Combine combine) {
        constexpr int apart = across ? rows : 1;
#pragma unroll
        for (int half = count / 2; half > 0; half /= 2)
            each(block, [&](int thread) {
                if (place_of(thread) < half) values[thread] = combine(values[thread], values[thread + half * apart]);
            });
    }

    // The same of the sums of the lanes, which are those of the group's first 32 threads.
    static NPFUSE_DEVICE void add_lanes(const device::Block<threads>& block, double* sums) {
        combine_all<lane_count>(block, sums, [](double a, double b) { return a + b; });
    }
};

// The sums of runs of terms, a warp to a run.
template <int threads>
class WarpSums {
public:
    using Groups = RowGroups<threads, lane_count>;
    static constexpr int runs = Groups::rows;
    struct Shared {
        double sums[threads];
    };

    // sum_run(thread, add) has add(n, term) called once, or not at all where there is no run. The run's sum is left
    // with the group's first thread.
    template <class SumRun>
    static NPFUSE_DEVICE void each_run(const device::Block<threads>& block, Shared& shared, SumRun sum_run) {
        Groups::each(block, [&](int thread) {
            double& sum = shared.sums[thread];
            sum = 0;
            sum_run(thread, [&](long long n, auto term) { sum = lane_sum(Groups::place_of(thread), n, term); });
        });
        Groups::add_lanes(block, shared.sums);
    }

private:
    template <class Term>
    static NPFUSE_DEVICE double lane_sum(int lane, long long n, Term term) {
        constexpr int ahead = 8;  // terms on their way at once
        double sum = 0;
        long long j = lane;
        for (; j + (ahead - 1) * lane_count < n; j += ahead * lane_count) {
            double terms[ahead];
#pragma unroll
            for (int k = 0; k < ahead; ++k) terms[k] = term(j + k * lane_count);
#pragma unroll
            for (int k = 0; k < ahead; ++k) sum += terms[k];
        }
        for (; j < n; j += lane_count) sum += term(j);
        return sum;
    }
};

NPFUSE_FORMULAS_END
