// Sums in one fixed order. Element j of a run goes to lane j mod 32, each lane adds its elements in order, in double,
// and the lanes are added in a fixed tree: what a vector register holds, or which thread does it, changes no bit.
#pragma once

#include "../formulas/language.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

inline constexpr ptrdiff_t lane_count = 32;

class LaneSum {
public:
    // Adds terms[0..n); when a sum is fed piece by piece, every piece but the last holds a multiple of lane_count.
    template <class T>
    NPFUSE_FORMULA void add(const T* terms, ptrdiff_t n) {
        ptrdiff_t i = 0;
        for (; i + lane_count <= n; i += lane_count)
#pragma omp simd
            for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lanes_[lane] += double(terms[i + lane]);
        for (ptrdiff_t lane = 0; i + lane < n; ++lane) lanes_[lane] += double(terms[i + lane]);
    }

    // For a loop that adds to the lanes itself.
    NPFUSE_FORMULA double* lanes() { return lanes_; }

    NPFUSE_FORMULA double total() const {
        double sums[lane_count];
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) sums[lane] = lanes_[lane];
        for (ptrdiff_t half = lane_count / 2; half > 0; half /= 2)
            for (ptrdiff_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
        return sums[0];
    }

private:
    double lanes_[lane_count] = {};
};

NPFUSE_FORMULAS_END
