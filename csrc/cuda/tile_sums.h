// The sum of many terms by a block. Every thread computes terms of a tile; a warp adds up those of the tile before
// meanwhile, in the order of loops/lanes.h.
#pragma once

#include "row_group.h"

NPFUSE_FORMULAS_BEGIN

// Each thread computes `depth` packs of `length` neighbouring terms, whose packs are as far apart as there are threads.
template <int threads, int length, int depth = 1, class Term = double>
class TileSums {
public:
    static constexpr int tile = threads * length * depth;

    struct Shared {
        Term terms[2][length * (threads * depth + (length > 1 ? 16 / length : 0))];
        double sums[lane_count];
        double total;
    };

    // Where term i of a tile is kept: neither those of a pack meet in a bank, nor those that are added at once.
    static NPFUSE_DEVICE int place(int i) {
        if constexpr (length == 1) return i;
        return i % length * (threads * depth + 16 / length) + i / length;
    }

    // compute(thread, first, count, terms) sets terms[place(i)] for the thread's i below count, of the tile that begins
    // with term `first`; add(sum, term, i) adds the i-th of all. Every `run` terms, a multiple of the tile, are
    // summed by themselves. The sum is left in shared.total.
    template <class Compute, class Add>
    static NPFUSE_DEVICE void sum(const device::Block<threads>& block, Shared& shared, long long n, long long run,
                                  Compute compute, Add add) {
        // Not the same for all blocks, so that they do not share one part of a multiprocessor.
        const int adding = static_cast<int>(block.index % (threads / lane_count));
        device::Own<double, threads> sum;
        block.each([&](int thread) {
            sum[thread] = 0;
            if (thread == 0) shared.total = 0;
        });
        int parity = 0;
        for (long long first = 0; first < n + tile; first += tile, parity ^= 1) {
            block.each([&](int thread) {
                if (first < n) compute(thread, first, count_of(n, first), shared.terms[parity]);
                const long long before = first - tile;
                if (before >= 0 && thread / lane_count == adding)
                    sum[thread] = added(sum[thread], shared.terms[parity ^ 1], thread % lane_count, before,
                                        count_of(n, before), add);
            });
            if (first > 0 && (first % run == 0 || first >= n)) end_run(block, shared, sum, adding);
        }
        block.each([](int) {});  // until every thread sees the total
    }

private:
    // Adds the lanes of the adding warp, and the run to those before.
    static NPFUSE_DEVICE void end_run(const device::Block<threads>& block, Shared& shared,
                                      device::Own<double, threads>& sum, int adding) {
        const auto each_lane = [&](auto work) {
            block.each_in_warps([&](int thread) {
                if (thread / lane_count == adding) work(thread, static_cast<int>(thread % lane_count));
            });
        };
        each_lane([&](int thread, int lane) {
            shared.sums[lane] = sum[thread];
            sum[thread] = 0;
        });
#pragma unroll
        for (int half = lane_count / 2; half > 0; half /= 2)
            each_lane([&](int, int lane) {
                if (lane < half) shared.sums[lane] += shared.sums[lane + half];
            });
        each_lane([&](int, int lane) {
            if (lane == 0) shared.total += shared.sums[0];
        });
    }

    static NPFUSE_DEVICE int count_of(long long n, long long first) {
        return n - first < tile ? static_cast<int>(n - first) : tile;
    }

    template <class Add>
    static NPFUSE_DEVICE double added(double sum, const Term* terms, int lane, long long first, int count, Add add) {
        if (count == tile) {
#pragma unroll 4  // so many registers, and no more
            for (int i = 0; i < tile; i += lane_count) sum = add(sum, terms[place(lane + i)], first + lane + i);
        } else {
            for (int i = lane; i < count; i += lane_count) sum = add(sum, terms[place(i)], first + i);
        }
        return sum;
    }
};

NPFUSE_FORMULAS_END
