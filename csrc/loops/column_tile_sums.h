// The sums of a tile's columns: each has the order of summation that LaneSum gives a row, so the bits
// are the same.
#pragma once

#include "index_sequence.h"
#include "lanes.h"

NPFUSE_FORMULAS_BEGIN

// A tile of so many columns, or fewer.
template <ptrdiff_t tile>
class ColumnTileSums {
public:
    // Of n elements of every column: term(j, c) is element j of column c. Of a whole tile the width is Known, so that
    // loops over it need no remainder.
    template <class Width, class Term>
    NPFUSE_FORMULA void add_up(ptrdiff_t n, Width columns, Term term) {
        for (ptrdiff_t first = 0;; first += run_length) {
            const bool is_last = n - first <= run_length;
            add_run(first, is_last ? n : first + run_length, columns, term);
            fold_lanes();
            if (first > 0) add_totals_before();
            if (is_last) return;
            __builtin_memcpy(before_, lanes_[0], sizeof before_);
        }
    }

    // The sum of each column.
    NPFUSE_FORMULA const double* totals() const { return lanes_[0]; }

private:
    template <class Width, class Term>
    NPFUSE_FORMULA void add_run(ptrdiff_t first, ptrdiff_t last, Width columns, Term term) {
        used_ = last - first < lane_count ? last - first : lane_count;
        for (ptrdiff_t lane = 0; lane < used_; ++lane)
#pragma omp simd
            for (ptrdiff_t c = 0; c < columns; ++c) lanes_[lane][c] = 0.0 + double(term(first + lane, c));
        ptrdiff_t j = first + used_;
        if constexpr (__is_same(Width, IndexConstant<tile>)) {
            for (; j + 2 * lane_count <= last; j += 2 * lane_count) add_unrolled<2>(j, columns, term);
        }
        for (; j < last; ++j) add_to_lane<1>(j % lane_count, j, columns, term);
    }

    // The tree of LaneSum, in which lanes without a number have no part.
    NPFUSE_FORMULA void fold_lanes() {
        for (ptrdiff_t half = lane_count / 2; half > 0; half /= 2)
            for (ptrdiff_t lane = 0; lane < half && lane + half < used_; ++lane)
#pragma omp simd
                for (ptrdiff_t c = 0; c < tile; ++c) lanes_[lane][c] += lanes_[lane + half][c];
    }

    NPFUSE_FORMULA void add_totals_before() {
#pragma omp simd
        for (ptrdiff_t c = 0; c < tile; ++c) lanes_[0][c] += before_[c];
    }

    template <int unroll, class Width, class Term>
    NPFUSE_FORMULA void add_unrolled(ptrdiff_t first, Width columns, Term term) {
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) add_to_lane<unroll>(lane, first + lane, columns, term);
    }

    // A lane stays in its register for so many terms.
    template <int unroll, class Width, class Term>
    NPFUSE_FORMULA void add_to_lane(ptrdiff_t lane, ptrdiff_t first, Width columns, Term term) {
        double* sums = lanes_[lane];
#pragma omp simd
        for (ptrdiff_t c = 0; c < columns; ++c) sums[c] = sum_unrolled<unroll>(sums[c], first, c, term);
    }

    // Not a loop: gcc would not vectorise the one around it.
    template <int unroll, class Term>
    NPFUSE_FORMULA static double sum_unrolled(double sum, ptrdiff_t j, ptrdiff_t c, Term term) {
        if constexpr (unroll == 0)
            return sum;
        else
            return sum_unrolled<unroll - 1>(sum + double(term(j, c)), j + lane_count, c, term);
    }

    ptrdiff_t used_;
    alignas(64) double lanes_[lane_count][tile];
    alignas(64) double before_[tile];  // the sums of the runs before
};

NPFUSE_FORMULAS_END
