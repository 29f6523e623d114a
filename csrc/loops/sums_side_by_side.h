// Sums of numbers that stand side by side, one for each column: each has the order that LaneSum gives a row, so the
// bits are the same.
#pragma once

#include "indices.h"
#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

// A tile of so many columns, or fewer.
template <ptrdiff_t tile>
class SumsSideBySide {
public:
    // Of n elements of every column: term(j, c) is element j of column c. Of a whole tile the width is Known, so that
    // loops over it need no remainder.
    template <class Width, class Term>
    NPFUSE_FORMULA void add_up(ptrdiff_t n, Width columns, Term term) {
        used_ = n < lane_count ? n : lane_count;
        for (ptrdiff_t lane = 0; lane < used_; ++lane)
#pragma omp simd
            for (ptrdiff_t c = 0; c < columns; ++c) lanes_[lane][c] = 0.0 + double(term(lane, c));
        ptrdiff_t j = used_;
        if constexpr (__is_same(Width, Known<tile>)) {
            for (; j + 2 * lane_count <= n; j += 2 * lane_count) add_turns<2>(j, columns, term);
        }
        for (; j < n; ++j) add_to_lane<1>(j % lane_count, j, columns, term);
    }

    // The sum of each column, in the tree of LaneSum, in which lanes without a number have no part. To be asked for
    // once.
    NPFUSE_FORMULA const double* totals() {
        for (ptrdiff_t half = lane_count / 2; half > 0; half /= 2)
            for (ptrdiff_t lane = 0; lane < half && lane + half < used_; ++lane)
#pragma omp simd
                for (ptrdiff_t c = 0; c < tile; ++c) lanes_[lane][c] += lanes_[lane + half][c];
        return lanes_[0];
    }

private:
    template <int turns, class Width, class Term>
    NPFUSE_FORMULA void add_turns(ptrdiff_t first, Width columns, Term term) {
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) add_to_lane<turns>(lane, first + lane, columns, term);
    }

    // A lane stays in its register for so many terms.
    template <int turns, class Width, class Term>
    NPFUSE_FORMULA void add_to_lane(ptrdiff_t lane, ptrdiff_t first, Width columns, Term term) {
        double* sums = lanes_[lane];
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) sums[c] = sum_of_turns<turns>(sums[c], first, c, term);
    }

    // Not a loop: gcc would not vectorise the one around it.
    template <int turns, class Term>
    NPFUSE_FORMULA static double sum_of_turns(double sum, ptrdiff_t j, ptrdiff_t c, Term term) {
        if constexpr (turns == 0)
            return sum;
        else
            return sum_of_turns<turns - 1>(sum + double(term(j, c)), j + lane_count, c, term);
    }

    ptrdiff_t used_;
    alignas(64) double lanes_[lane_count][tile];
};

NPFUSE_FORMULAS_END
