// The sum of a long run of terms by a block. Every thread computes terms of a tile; a warp adds up those of the tile
// before meanwhile, in the order of loops/lanes.h.
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
    };

    // Where term i of a tile is kept: neither those of a pack meet in a bank, nor those that are added at once.
    static NPFUSE_DEVICE int place(int i) {
        if constexpr (length == 1) return i;
        return i % length * (threads * depth + 16 / length) + i / length;
    }

    // compute(thread, first, count, terms) sets terms[place(i)] for the thread's i below count, of the tile that begins
    // with term `first`; add(sum, term, i) adds the i-th of all. The sum is left in shared.sums[0].
    template <class Compute, class Add>
    static NPFUSE_DEVICE void sum(const device::Block<threads>& block, Shared& shared, long long n, Compute compute,
                                  Add add) {
        // Not the same for all blocks, lest they share one part of a multiprocessor.
        const int adding = static_cast<int>(block.index % (threads / lane_count));
        device::Own<double, threads> sum;
        block.each([&](int thread) { sum[thread] = 0; });
        int turn = 0;
        for (long long first = 0; first < n + tile; first += tile, turn ^= 1) {
            block.each([&](int thread) {
                if (first < n) compute(thread, first, count_of(n, first), shared.terms[turn]);
                const long long before = first - tile;
                if (before >= 0 && thread / lane_count == adding)
                    sum[thread] = added(sum[thread], shared.terms[turn ^ 1], thread % lane_count, before,
                                        count_of(n, before), add);
            });
        }
        block.each([&](int thread) {
            if (thread / lane_count == adding) shared.sums[thread % lane_count] = sum[thread];
        });
        RowGroups<threads, threads>::add_lanes(block, shared.sums);
    }

private:
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
