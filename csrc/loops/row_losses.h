// How a loss over rows of class scores runs: rows brought into contiguous memory of the computing type, a few at a
// time, then two passes over each while it is in cache.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "elementwise.h"
#include "find_first.h"
#include "narrow_row_losses.h"
#include "row_kernels.h"
#include "row_tiles.h"
#include "runs.h"

NPFUSE_FORMULAS_BEGIN

// One row's way through a loss.
template <class T>
struct LossRow {
    const T* x;
    T* gradient;  // may be x; null: not wanted
    ptrdiff_t label;
    const char* probabilities;
};

// Targets of one row that are spread over its classes: probabilities, smoothed and weighted, block by block.
template <class T>
struct SpreadTargets {
    const RowLossCall& call;
    const char* probabilities;
    double share, kept;

    inline void load(ptrdiff_t begin, ptrdiff_t count, T* targets) const {
        if (probabilities) {
            const ptrdiff_t stride = call.probabilities.stride;
            load_dtype(call.probabilities.starts.dtype, probabilities + begin * stride, stride, targets, count);
#pragma omp simd
            for (ptrdiff_t i = 0; i < count; ++i) targets[i] = fma(targets[i], T(kept), T(share));
        } else {
            for (ptrdiff_t i = 0; i < count; ++i) targets[i] = T(share);
        }
        if (!call.class_weights) return;
#pragma omp simd
        for (ptrdiff_t i = 0; i < count; ++i) targets[i] = T(wide(targets[i]) * call.class_weights[begin + i]);
    }
};

// A row whose scores are normalised, and what is found out about it on the way.
template <class Operation, class T>
class NormalisedLossRow {
public:
    typename Operation::Row sums = {};

    NPFUSE_FORMULA void look_for_maximum(const RowLossCall& call, const LossRow<T>& row) {
        take(call, row, row_maximum(row.x, call.classes));
        argmax_ = find_value(row.x, call.classes, maximum_);
    }
    inline void look_for_maximum(const RowLossCall& call, const LossRow<T>& row, const Runs& runs) {
        const T* x = row.x;
        take(call, row,
             runs.combined(
                 x[0], [=](ptrdiff_t begin, ptrdiff_t end) { return larger_maximum(x[0], x + begin, end - begin); },
                 [](T a, T b) { return b > a ? b : a; }));
        argmax_ = runs.combined(
            call.classes,
            [=, n = call.classes, maximum = maximum_](ptrdiff_t begin, ptrdiff_t end) {
                const ptrdiff_t place = begin + find_value(x + begin, end - begin, maximum);
                return place < end ? place : n;
            },
            [](ptrdiff_t a, ptrdiff_t b) { return b < a ? b : a; });
    }

    NPFUSE_FORMULA void take(const RowLossCall& call, const LossRow<T>& row, T maximum) {
        row_ = row;
        maximum_ = maximum;
        sums.maximum = wide(maximum_);
        sums.z_loss = call.parameters[1];
    }

    inline void sum_up_targets(const RowLossCall& call, const Runs& runs) {
        if (is_spread(call)) sum_up_spread_targets(call, runs);
        if (!has_label(call)) return;
        weight_ = call.class_weights ? call.class_weights[row_.label] : 1;
        const double target = weight_ * kept(call);
        (row_.label == argmax_ ? sums.target_at_argmax : sums.target_excluding_argmax) += target;
        sums.distance += target == 0 ? 0 : target * (wide(maximum_) - wide(row_.x[row_.label]));
    }

    // All terms, where the gradient will be if it is wanted, otherwise in a buffer; then their sum.
    NPFUSE_FORMULA void write_all_terms(const RowLossCall& call, T* buffer) const {
        T* terms = row_.gradient ? row_.gradient : buffer;
        write_terms(row_.x, RowTerms<T>::below(maximum_), terms, call.classes);
        if (argmax_ < call.classes) terms[argmax_] = T(0);
    }
    NPFUSE_FORMULA void sum_up_all_terms(const RowLossCall& call, const T* buffer) {
        rest_ = LaneSum::of(row_.gradient ? row_.gradient : buffer, call.classes);
    }

    // The same of a long row, block by block.
    inline void sum_up_terms(const Runs& runs) {
        const RowTerms<T> row_terms = RowTerms<T>::below(maximum_);
        rest_ = runs.sum([&](ptrdiff_t first, ptrdiff_t end) {
            T scratch[block_length];
            LaneSum rest;
            for (ptrdiff_t begin = first; begin < end; begin += block_length) {
                const ptrdiff_t count = smaller(end - begin, block_length);
                T* terms = row_.gradient ? row_.gradient + begin : scratch;
                write_terms(row_.x + begin, row_terms, terms, count);
                if (begin <= argmax_ && argmax_ < begin + count) terms[argmax_ - begin] = T(0);
                rest.add(terms, count);
            }
            return rest.total();
        });
    }

    inline void finish(const RowLossCall& call, const Runs& runs) {
        // Infinity and NaN are no maximum that a row can be compared to.
        sums.rest = rest_ / RowTerms<T>::unit + wide(maximum_ - maximum_);
        if (!row_.gradient) return;
        T* gradient = row_.gradient;
        const double factor = sums.term_factor() / RowTerms<T>::unit * call.scale;
        const Pair<T> term_factor = narrowed<T>(factor);
        const double term_at_label = has_label(call) ? wide(gradient[row_.label]) : 0;
        if (is_spread(call))
            subtract_spread_targets(call, term_factor, runs);
        else
            runs.each([=](ptrdiff_t begin, ptrdiff_t end) {
#pragma omp simd
                for (ptrdiff_t i = begin; i < end; ++i) gradient[i] = scaled_sum(gradient[i], term_factor, T(0));
            });
        if (has_label(call))
            gradient[row_.label] = T(term_at_label * factor - weight_ * (kept(call) + share(call)) * call.scale);
        if (argmax_ < call.classes) gradient[argmax_] = T(sums.argmax_gradient() * call.scale);
    }

private:
    static bool has_label(const RowLossCall& call) { return call.labels != nullptr; }
    static bool is_spread(const RowLossCall& call) { return !has_label(call) || call.parameters[0] > 0; }
    static double share(const RowLossCall& call) { return call.parameters[0] / double(call.classes); }
    static double kept(const RowLossCall& call) { return 1 - call.parameters[0]; }
    SpreadTargets<T> spread_targets(const RowLossCall& call) const {
        return {call, row_.probabilities, share(call), kept(call)};
    }

    // Makes the gradient of its terms.
    [[gnu::noinline]] void subtract_spread_targets(const RowLossCall& call, Pair<T> term_factor,
                                                   const Runs& runs) const {
        T* const gradient = row_.gradient;
        const SpreadTargets<T> spread = spread_targets(call);
        const Pair<T> target_factor = narrowed<T>(-call.scale);
        runs.each([&](ptrdiff_t first, ptrdiff_t end) {
            for (ptrdiff_t begin = first; begin < end; begin += block_length) {
                const ptrdiff_t count = smaller(end - begin, block_length);
                T targets[block_length];
                spread.load(begin, count, targets);
#pragma omp simd
                for (ptrdiff_t i = 0; i < count; ++i)
                    gradient[begin + i] =
                        scaled_sum(gradient[begin + i], term_factor, scaled_sum(targets[i], target_factor, T(0)));
            }
        });
    }

    [[gnu::noinline]] void sum_up_spread_targets(const RowLossCall& call, const Runs& runs) {
        struct Sums {
            double target, distance;
        };
        const SpreadTargets<T> spread = spread_targets(call);
        const T* x = row_.x;
        const double maximum = wide(maximum_);
        const Sums total = runs.combined(
            Sums{0, 0},
            [&](ptrdiff_t first, ptrdiff_t end) {
                LaneSum target, distance;
                for (ptrdiff_t begin = first; begin < end; begin += block_length) {
                    const ptrdiff_t count = smaller(end - begin, block_length);
                    T targets[block_length];
                    double distances[block_length];
                    spread.load(begin, count, targets);
#pragma omp simd
                    for (ptrdiff_t i = 0; i < count; ++i)
                        distances[i] = targets[i] == T(0) ? 0 : wide(targets[i]) * (maximum - wide(x[begin + i]));
                    distance.add(distances, count);
                    if (begin <= argmax_ && argmax_ < begin + count) {
                        sums.target_at_argmax = wide(targets[argmax_ - begin]);  // by one thread alone
                        targets[argmax_ - begin] = T(0);
                    }
                    target.add(targets, count);
                }
                return Sums{target.total(), distance.total()};
            },
            [](Sums a, Sums b) { return Sums{a.target + b.target, a.distance + b.distance}; });
        sums.distance = total.distance;
        sums.target_excluding_argmax = total.target;
    }

    LossRow<T> row_;
    T maximum_;
    ptrdiff_t argmax_;
    double weight_ = 1, rest_;
};

// Some rows, step by step for all, so that none waits for another.
template <class Operation, class T>
inline void normalised_loss_rows(const RowLossCall& call, const LossRow<T>* rows, ptrdiff_t count,
                                 typename Operation::Row* sums, const RunSharing* sharing) {
    const ptrdiff_t n = call.classes, at_once = rows_at_once(n);
    const Runs runs(n, sharing);
    T scratch[2 * block_length];
    NormalisedLossRow<Operation, T> work[most_rows_at_once];
    for (ptrdiff_t first = 0; first < count; first += at_once) {
        const ptrdiff_t group = smaller(count - first, at_once);
        for (ptrdiff_t r = 0; r < group; ++r) {
            work[r] = {};
            if (sharing)
                work[r].look_for_maximum(call, rows[first + r], runs);
            else
                work[r].look_for_maximum(call, rows[first + r]);
        }
        for (ptrdiff_t r = 0; r < group; ++r) work[r].sum_up_targets(call, runs);
        if (n <= block_length) {
            for (ptrdiff_t r = 0; r < group; ++r) work[r].write_all_terms(call, scratch + r * n);
            for (ptrdiff_t r = 0; r < group; ++r) work[r].sum_up_all_terms(call, scratch + r * n);
        } else {
            for (ptrdiff_t r = 0; r < group; ++r) work[r].sum_up_terms(runs);
        }
        for (ptrdiff_t r = 0; r < group; ++r) {
            work[r].finish(call, runs);
            sums[first + r] = work[r].sums;
        }
    }
}

// Where the prediction is the logarithm of a probability already, only the label's element counts.
template <class Operation, class T>
inline typename Operation::Row picked_loss_row(const RowLossCall& call, const LossRow<T>& row) {
    const double weight = call.class_weights ? call.class_weights[row.label] : 1;
    const typename Operation::Row sums = {-weight * wide(row.x[row.label])};
    if (row.gradient) {
        for (ptrdiff_t i = 0; i < call.classes; ++i) row.gradient[i] = T(0);
        row.gradient[row.label] = T(-weight * call.scale);
    }
    return sums;
}

template <class Operation, class T>
inline void loss_rows(const RowLossCall& call, const LossRow<T>* rows, ptrdiff_t count, typename Operation::Row* sums,
                      const RunSharing* sharing) {
    if constexpr (Operation::is_normalised)
        normalised_loss_rows<Operation>(call, rows, count, sums, sharing);
    else
        for (ptrdiff_t r = 0; r < count; ++r) sums[r] = picked_loss_row<Operation>(call, rows[r]);
}

template <class Operation, class T>
double run_narrow_row_loss(const RowLossCall& call, ptrdiff_t begin, ptrdiff_t end) {
    NarrowTile<Operation, T> tile(call);
    double sum = 0;
    for (ptrdiff_t first = begin; first < end; first += row_loss_tile)
        sum = tile.run(first, end - first < row_loss_tile ? end - first : row_loss_tile, sum);
    return sum;
}

template <class Operation, class T>
double run_row_loss(const RowLossCall& call, ptrdiff_t begin, ptrdiff_t end, void* scratch, ptrdiff_t scratch_rows,
                    const RunSharing* sharing) {
    const ptrdiff_t n = call.classes;
    if constexpr (Operation::is_normalised)
        if (n <= narrow_limit<T>) return run_narrow_row_loss<Operation, T>(call, begin, end);
    const bool wants_gradient = call.gradient.starts.data != nullptr;
    const bool direct_pred = has_direct_rows<T>(call.pred);
    const bool direct_gradient = wants_gradient && has_direct_rows<T>(call.gradient);
    T* const tile = static_cast<T*>(scratch);
    double sum = 0;
    for (ptrdiff_t first = begin; first < end; first += scratch_rows) {
        const ptrdiff_t count = smaller(end - first, scratch_rows);
        char *pred[row_loss_tile], *gradient[row_loss_tile], *probabilities[row_loss_tile];
        row_starts(call.pred, first, count, pred);
        if (wants_gradient) row_starts(call.gradient, first, count, gradient);
        if (!call.labels) row_starts(call.probabilities, first, count, probabilities);
        if (!direct_pred) load_rows(call.pred, pred, count, n, tile);

        LossRow<T> counted[row_loss_tile];
        ptrdiff_t places[row_loss_tile], counted_rows = 0;
        for (ptrdiff_t r = 0; r < count; ++r) {
            LossRow<T>& row = counted[counted_rows];
            row.x = direct_pred ? reinterpret_cast<const T*>(pred[r]) : tile + r * n;
            row.gradient = direct_gradient  ? reinterpret_cast<T*>(gradient[r])
                           : wants_gradient ? tile + r * n
                                            : nullptr;
            row.label = call.labels ? ptrdiff_t(call.labels[first + r]) : -1;
            row.probabilities = call.labels ? nullptr : probabilities[r];
            const bool ignored = call.labels && row.label == call.ignore_index;
            if (!ignored)
                places[counted_rows++] = r;
            else if (row.gradient)
                for (ptrdiff_t i = 0; i < n; ++i) row.gradient[i] = T(0);
        }
        typename Operation::Row sums[row_loss_tile] = {}, found[row_loss_tile];  // an ignored row's value is 0
        loss_rows<Operation>(call, counted, counted_rows, found, sharing);
        for (ptrdiff_t r = 0; r < counted_rows; ++r) sums[places[r]] = found[r];
        double values[row_loss_tile];
#pragma omp simd
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) values[r] = sums[r].value();
        for (ptrdiff_t r = 0; r < count; ++r) sum += values[r];
        if (wants_gradient && !direct_gradient) store_rows(tile, call.gradient, gradient, count, n);
        if (call.values.data) store_row_values<T>(values, call.values, first, count);
    }
    return sum;
}

inline void weigh_rows(const RowLossCall& call, ptrdiff_t first, ptrdiff_t count, const Runs& runs,
                       ColumnTile<double>& weights) {
    const RowView& rows = call.probabilities;
    char* starts[row_loss_tile];
    row_starts(rows, first, count, starts);
    for (ptrdiff_t r = 0; r < count; ++r)
        weights[r] = runs.sum([&](ptrdiff_t begin, ptrdiff_t end) {
            LaneSum weight;
            for (ptrdiff_t i = begin; i < end; i += block_length) {
                const ptrdiff_t length = smaller(end - i, block_length);
                double numbers[block_length];
                load_dtype(rows.starts.dtype, starts[r] + i * rows.stride, rows.stride, numbers, length);
#pragma omp simd
                for (ptrdiff_t k = 0; k < length; ++k) numbers[k] *= call.class_weights[i + k];
                weight.add(numbers, length);
            }
            return weight.total();
        });
}

// What the probabilities of rows [begin, end) weigh together.
inline double weigh_probabilities(const RowLossCall& call, ptrdiff_t begin, ptrdiff_t end, void*, ptrdiff_t,
                                  const RunSharing* sharing) {
    const Runs runs(call.classes, sharing);
    double sum = 0;
    for (ptrdiff_t first = begin; first < end; first += row_loss_tile) {
        const ptrdiff_t count = end - first < row_loss_tile ? end - first : row_loss_tile;
        ColumnTile<double> weights;
        if (call.classes <= narrow_limit<double>)
            weigh_narrow_rows(call, first, count, weights);
        else
            weigh_rows(call, first, count, runs, weights);
        for (ptrdiff_t r = 0; r < count; ++r) sum += weights[r];
    }
    return sum;
}

template <class Operation>
constexpr RowLoss row_loss_entry() {
    return {Operation::name,
            Operation::prediction,
            &Operation::description,
            parameters_of<Operation>(),
            Operation::takes_probabilities,
            run_row_loss<Operation, float>,
            run_row_loss<Operation, double>};
}

NPFUSE_FORMULAS_END
