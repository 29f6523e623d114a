// Sums of doubles one after the other, as the CPU adds up its blocks.
#pragma once

#include "launch.h"

namespace npfuse::device {

// Of every `length` of n values, divided by a number.
struct OrderedSum {
    static constexpr int threads = 256;
    static constexpr int tile = 4 * threads;
    struct Shared {
        double values[tile];
        double sum;
    };

    const double* values;
    long long n, length;
    double divisor;
    double* sums;

    NPFUSE_DEVICE void operator()(const Block<threads>& block, Shared& shared) const {
        const long long begin = block.index * length, end = n - begin < length ? n : begin + length;
        block.each([&](int thread) {
            if (thread == 0) shared.sum = 0;
        });
        for (long long first = begin; first < end; first += tile) {
            const int count = end - first < tile ? static_cast<int>(end - first) : tile;
            block.each([&](int thread) {
                for (int i = thread; i < count; i += threads) shared.values[i] = values[first + i];
            });
            block.each([&](int thread) {
                if (thread != 0) return;
                double sum = shared.sum;
#pragma unroll 16
                for (int i = 0; i < count; ++i) sum += shared.values[i];
                shared.sum = sum;
            });
        }
        block.each([&](int thread) {
            if (thread == 0) sums[block.index] = shared.sum / divisor;
        });
    }
};

inline void sum_in_order(const double* values, long long n, long long length, double divisor, double* sums,
                         Stream stream) {
    const long long blocks = n > 0 ? blocks_for(n, length) : 1;
    launch(OrderedSum{values, n, length, divisor, sums}, blocks, stream);
}

}  // namespace npfuse::device
