// Sums in one fixed order. A row is summed in runs of run_length elements. Element j of a run goes to lane j mod 32,
// each lane adds its elements in order, in double, and the lanes are added in a fixed tree; then the runs' sums are
// added in order. What a vector register holds, or which thread does it, changes no bit.
#pragma once

#include "../formulas/language.h"
#include "../table.h"
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
        for (; i + 8 * lane_count <= n; i += 8 * lane_count) add_unrolled<8>(i, term);
        if ((n - i) & (4 * lane_count)) add_unrolled<4>(i, term), i += 4 * lane_count;
        if ((n - i) & (2 * lane_count)) add_unrolled<2>(i, term), i += 2 * lane_count;
        if ((n - i) & lane_count) add_unrolled<1>(i, term), i += lane_count;
        for (ptrdiff_t lane = 0; i + lane < n; ++lane) lanes_[lane] += double(term(i + lane));
    }

    // One copy serves all callers: it is long.
    template <class T>
    [[gnu::noinline]] void add(const T* terms, ptrdiff_t n) {
        add(n, [terms](ptrdiff_t i) __attribute__((always_inline)) { return terms[i]; });
    }

    // For a loop that adds to the lanes itself.
    NPFUSE_FORMULA double* lanes() { return lanes_; }

    // To be asked for once.
    NPFUSE_FORMULA double total() {
        fold<lane_count / 2>(lanes_);
        return lanes_[0];
    }

    // The sum of term(0), ..., term(n - 1). Of few terms, registers hold all lanes from first to last.
    template <class Term>
    NPFUSE_FORMULA static double of(ptrdiff_t n, Term term) {
        if (n < 4 * lane_count) return of_few<0>(n, term);
        LaneSum sum;
        sum.add(n, term);
        return sum.total();
    }

    // One copy serves all callers.
    template <class T>
    [[gnu::noinline]] static double of(const T* terms, ptrdiff_t n) {
        return of(n, [terms](ptrdiff_t i) __attribute__((always_inline)) { return terms[i]; });
    }

private:
    // So many terms to each lane, and one more to some: those without take part with zero, which changes nothing.
    template <int unroll, class Term>
    NPFUSE_FORMULA static double of_few(ptrdiff_t n, Term term) {
        if constexpr (unroll < 3) {
            if (n >= (unroll + 1) * lane_count) return of_few<unroll + 1>(n, term);
        }
        const ptrdiff_t rest = n - unroll * lane_count;
        if (unroll > 0 && rest == 0) return of_unrolled<unroll, false>(rest, term);
        return of_unrolled<unroll, true>(rest, term);
    }

    template <int unroll, bool has_rest, class Term>
    NPFUSE_FORMULA static double of_unrolled(ptrdiff_t rest, Term term) {
        alignas(64) double sums[lane_count];
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) {
            double sum = 0, last = 0;
            for (ptrdiff_t step = 0; step < unroll; ++step) sum += double(term(step * lane_count + lane));
            if (has_rest && lane < rest) last = double(term(unroll * lane_count + lane));
            sums[lane] = has_rest ? sum + last : sum;
        }
        fold<lane_count / 2>(sums);
        return sums[0];
    }

    // Adds the second half to the first, and again, until one is left; of known lengths, so that registers hold them.
    template <ptrdiff_t half>
    NPFUSE_FORMULA static void fold(double* sums) {
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
        if constexpr (half > 1) fold<half / 2>(sums);
    }

    // Each lane stays in its register for so many terms.
    template <int unroll, class Term>
    NPFUSE_FORMULA void add_unrolled(ptrdiff_t first, Term term) {
#pragma omp simd
        for (ptrdiff_t lane = 0; lane < lane_count; ++lane) {
            double sum = lanes_[lane];
            for (ptrdiff_t step = 0; step < unroll; ++step) sum += double(term(first + step * lane_count + lane));
            lanes_[lane] = sum;
        }
    }

    alignas(64) double lanes_[lane_count] = {};
};

NPFUSE_FORMULAS_END
