// A normalised row loss of few classes: a tile of rows at a time is transposed, so that a vector runs across rows
// and nothing is lost on rows shorter than a vector. A row's sums are those of loops/lanes.h: the bits are what they
// would be without.
#pragma once

#include "../formulas/registry.h"
#include "column_tile_sums.h"
#include "row_tiles.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
NPFUSE_FORMULA T scaled_sum(T x, Pair<T> factor, T addend) {
    return fma(x, factor.hi, fma(x, factor.lo, addend));
}

// The sums of a tile's rows, of n numbers each; term(i, row) is asked for once, number by number.
class RowTileSums {
public:
    template <class Term>
    NPFUSE_FORMULA void add_up(ptrdiff_t n, ColumnTile<double>& sums, Term term) {
        lanes_.add_up(n, row_loss_tile, term);
        __builtin_memcpy(sums, lanes_.totals(), sizeof sums);
    }

private:
    ColumnTileSums<row_loss_tile> lanes_;
};

template <class Operation, class T>
struct NarrowTile {
    using Index = typename Format<T>::SignedBits;

    const RowLossCall& call;
    const ptrdiff_t n = call.classes;
    const double smoothing = call.parameters[0];
    const double share = smoothing / double(n), kept = 1 - smoothing;
    const bool is_spread = !call.labels || smoothing > 0;

    alignas(64) ColumnTile<T> x[narrow_limit<T>];  // logits, then terms, then the gradient
    alignas(64) ColumnTile<T> targets[narrow_limit<T>];
    alignas(64) ColumnTile<T> maximum, at_label, term_at_label;
    alignas(64) ColumnTile<Index> label, argmax;
    alignas(64) ColumnTile<double> weight, target_at_argmax, target_excluding_argmax, distance, rest, values;
    RowTileSums classes;

    explicit NarrowTile(const RowLossCall& call) : call(call) {}

    void take_labels(ptrdiff_t first, ptrdiff_t count) {
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
            const bool counts = call.labels && r < count && call.labels[first + r] != call.ignore_index;
            label[r] = counts ? Index(call.labels[first + r]) : Index(-1);
            weight[r] = !counts ? 0 : call.class_weights ? call.class_weights[label[r]] : 1;
        }
    }

    void find_argmaxes() {
#pragma omp simd
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
            maximum[r] = x[0][r];
            at_label[r] = x[0][r];
            argmax[r] = 0;
            term_at_label[r] = 0;
            target_at_argmax[r] = target_excluding_argmax[r] = distance[r] = 0;
        }
        for (ptrdiff_t i = 1; i < n; ++i)
#pragma omp simd
            for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
                const bool above = x[i][r] > maximum[r];
                maximum[r] = above ? x[i][r] : maximum[r];
                argmax[r] = above ? Index(i) : argmax[r];
                at_label[r] = label[r] == Index(i) ? x[i][r] : at_label[r];
            }
    }

    // What is spread over the classes: probabilities, or the labels' smoothing.
    void spread_targets() {
        classes.add_up(n, target_excluding_argmax, [this](ptrdiff_t i, ptrdiff_t r) __attribute__((always_inline)) {
            const T target = call.labels ? T(share) : fma(targets[i][r], T(kept), T(share));
            targets[i][r] = call.class_weights ? T(wide(target) * call.class_weights[i]) : target;
            const bool is_argmax = argmax[r] == Index(i);
            target_at_argmax[r] = is_argmax ? wide(targets[i][r]) : target_at_argmax[r];
            return is_argmax ? 0 : wide(targets[i][r]);
        });
        classes.add_up(n, distance, [this](ptrdiff_t i, ptrdiff_t r) __attribute__((always_inline)) {
            const double part = wide(targets[i][r]);
            return part == 0 ? 0 : part * (wide(maximum[r]) - wide(x[i][r]));
        });
    }

    void add_labels() {
#pragma omp simd
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
            const double target = weight[r] * kept;
            const bool is_argmax = label[r] == argmax[r];
            target_at_argmax[r] += is_argmax ? target : 0;
            target_excluding_argmax[r] += is_argmax ? 0 : target;
            distance[r] += target == 0 ? 0 : target * (wide(maximum[r]) - wide(at_label[r]));
        }
    }

    void make_terms() {
        classes.add_up(n, rest, [this](ptrdiff_t i, ptrdiff_t r) __attribute__((always_inline)) {
            const T term = RowTerms<T>::below(maximum[r]).term(x[i][r]);
            x[i][r] = term;
            term_at_label[r] = label[r] == Index(i) ? term : term_at_label[r];
            return argmax[r] == Index(i) ? 0 : wide(term);
        });
    }

    typename Operation::Row row(ptrdiff_t r) const {
        // Infinity and NaN are no maximum that a row can be compared to.
        const double terms = rest[r] / RowTerms<T>::unit + wide(maximum[r] - maximum[r]);
        return {wide(maximum[r]),  target_at_argmax[r], target_excluding_argmax[r], distance[r], terms,
                call.parameters[1]};
    }

    void find_values(ptrdiff_t first, ptrdiff_t count) {
#pragma omp simd
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) values[r] = row(r).value();
        for (ptrdiff_t r = 0; r < count; ++r)
            if (call.labels && call.labels[first + r] == call.ignore_index) values[r] = 0;
    }

    void make_gradient() {
        alignas(64) ColumnTile<T> factor_hi, factor_lo, argmax_gradient, label_gradient;
#pragma omp simd
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
            const double factor = row(r).term_factor() / RowTerms<T>::unit * call.scale;
            const Pair<T> narrow = narrowed<T>(factor);
            factor_hi[r] = narrow.hi;
            factor_lo[r] = narrow.lo;
            argmax_gradient[r] = T(row(r).argmax_gradient() * call.scale);
            label_gradient[r] = T(wide(term_at_label[r]) * factor - weight[r] * (kept + share) * call.scale);
        }
        const Pair<T> minus_scale = narrowed<T>(-call.scale);
        for (ptrdiff_t i = 0; i < n; ++i)
#pragma omp simd
            for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
                const T rest_of_it = is_spread ? scaled_sum(targets[i][r], minus_scale, T(0)) : T(0);
                T slope = scaled_sum(x[i][r], Pair<T>{factor_hi[r], factor_lo[r]}, rest_of_it);
                slope = label[r] == Index(i) ? label_gradient[r] : slope;
                x[i][r] = argmax[r] == Index(i) ? argmax_gradient[r] : slope;
            }
    }

    // Rows [first, first + count); what the sum becomes when their values are added to it, one after the other.
    double run(ptrdiff_t first, ptrdiff_t count, double sum) {
        load_transposed(call.pred, first, count, n, x);
        take_labels(first, count);
        find_argmaxes();
        if (!call.labels) load_transposed(call.probabilities, first, count, n, targets);
        if (is_spread) spread_targets();
        if (call.labels) add_labels();
        make_terms();
        find_values(first, count);
        if (call.gradient.starts.data) {
            make_gradient();
            drop_ignored(first, count);
            store_transposed(x, call.gradient, first, count, n);
        }
        for (ptrdiff_t r = 0; r < count; ++r) sum += values[r];
        if (call.values.data) store_row_values<T>(values, call.values, first, count);
        return sum;
    }

    void drop_ignored(ptrdiff_t first, ptrdiff_t count) {
        if (!call.labels) return;
        for (ptrdiff_t r = 0; r < count; ++r)
            if (call.labels[first + r] == call.ignore_index)
                for (ptrdiff_t i = 0; i < n; ++i) x[i][r] = T(0);
    }
};

// What the probabilities of rows [first, first + count) weigh, each.
inline void weigh_narrow_rows(const RowLossCall& call, ptrdiff_t first, ptrdiff_t count, ColumnTile<double>& weights) {
    alignas(64) ColumnTile<double> numbers[narrow_limit<double>];
    load_transposed(call.probabilities, first, count, call.classes, numbers);
    RowTileSums classes;
    classes.add_up(call.classes, weights, [&](ptrdiff_t i, ptrdiff_t r) __attribute__((always_inline)) {
        return numbers[i][r] * call.class_weights[i];
    });
}

NPFUSE_FORMULAS_END
