// Sums in one fixed order. Element j of a run goes to lane j mod 32, each lane adds its elements in order, in double,
// and the lanes are added in a fixed tree: what a vector register holds, or which thread does it, changes no bit.
#pragma once

#include "../formulas/language.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

inline constexpr ptrdiff_t lane_count = 32;

class LaneSum {
public:
    // Adds term(0), ..., term(n - 1); when a sum is fed piece by piece, every piece but the last holds a multiple of
    // lane_count.
    template <class Term>
    NPFUSE_FORMULA void add(ptrdiff_t n, Term term) {
        ptrdiff_t i = 0;
        for (; i + 8 * lane_count <= n; i += 8 * lane_count) add_turns<8>(i, term);
        if ((n - i) & (4 * lane_count)) add_turns<4>(i, term), i += 4 * lane_count;
        if ((n - i) & (2 * lane_count)) add_turns<2>(i, term), i += 2 * lane_count;
        if ((n - i) & lane_count) add_turns<1>(i, term), i += lane_count;
        for (ptrdiff_t lane = 0; i + lane < n; ++lane) lanes_[lane] += double(term(i + lane));
    }

    // One copy serves all callers: it is long.
    template <class T>
    [[gnu::noinline]] void add(const T* terms, ptrdiff_t n) {
        add(n, [terms](ptrdiff_t i) __attribute__((always_inline)) { return terms[i]; });
    }

    // For a loop that adds to the lanes itself.
    NPFUSE_FORMULA double* lanes() { return lanes_; }

    NPFUSE_FORMULA double total() const {
        alignas(64) double sums[lane_count];
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) sums[lane] = lanes_[lane];
        fold<lane_count / 2>(sums);
        return sums[0];
    }

private:
    // Adds the second half to the first, and again, until one is left; of known lengths, so that registers hold them.
    template <ptrdiff_t half>
    NPFUSE_FORMULA static void fold(double* sums) {
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
        if constexpr (half > 1) fold<half / 2>(sums);
    }

    // Each lane stays in its register for so many terms.
    template <int turns, class Term>
    NPFUSE_FORMULA void add_turns(ptrdiff_t first, Term term) {
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) {
            double sum = lanes_[lane];
            for (ptrdiff_t turn = 0; turn < turns; ++turn) sum += double(term(first + turn * lane_count + lane));
            lanes_[lane] = sum;
        }
    }

    alignas(64) double lanes_[lane_count] = {};
};

NPFUSE_FORMULAS_END
