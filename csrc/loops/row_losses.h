// How a loss over rows of class scores runs: rows brought into contiguous memory of the computing type, a few at a
// time, then two passes over each while it is in cache.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "elementwise.h"
#include "narrow_row_losses.h"
#include "row_kernels.h"
#include "row_search.h"
#include "row_tiles.h"

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
            load_number(call.probabilities.starts.number, probabilities + begin * stride, stride, targets, count);
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

template <class Operation, class T>
inline typename Operation::Row normalised_loss_row(const RowLossCall& call, const LossRow<T>& row) {
    const T* x = row.x;
    const ptrdiff_t n = call.classes;
    const double smoothing = call.parameters[0];
    const bool has_label = call.labels != nullptr;
    const bool is_spread = !has_label || smoothing > 0;
    const SpreadTargets<T> spread = {call, row.probabilities, smoothing / double(n), 1 - smoothing};

    const T maximum = row_maximum(x, n);
    const ptrdiff_t peak = row_position(x, n, maximum);
    typename Operation::Row sums = {};
    sums.maximum = wide(maximum);
    sums.z_loss = call.parameters[1];

    if (is_spread) {
        LaneSum target, distance;
        for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
            const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
            T targets[block_length];
            double distances[block_length];
            spread.load(begin, count, targets);
#pragma omp simd
            for (ptrdiff_t i = 0; i < count; ++i)
                distances[i] = targets[i] == T(0) ? 0 : wide(targets[i]) * (wide(maximum) - wide(x[begin + i]));
            distance.add(distances, count);
            if (begin <= peak && peak < begin + count) {
                sums.target_at_peak = wide(targets[peak - begin]);
                targets[peak - begin] = T(0);
            }
            target.add(targets, count);
        }
        sums.distance = distance.total();
        sums.target_elsewhere = target.total();
    }
    const double weight = has_label && call.class_weights ? call.class_weights[row.label] : 1;
    if (has_label) {
        const double target = weight * spread.kept;
        (row.label == peak ? sums.target_at_peak : sums.target_elsewhere) += target;
        sums.distance += target == 0 ? 0 : target * (wide(maximum) - wide(x[row.label]));
    }

    const RowTerms<T> row_terms = RowTerms<T>::below(maximum);
    T scratch[block_length];
    LaneSum rest;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
        T* terms = row.gradient ? row.gradient + begin : scratch;
        write_terms(x + begin, row_terms, terms, count);
        if (begin <= peak && peak < begin + count) terms[peak - begin] = T(0);
        rest.add(terms, count);
    }
    // Infinity and NaN are no maximum that a row can be compared to.
    sums.rest = rest.total() / row_terms.unit + wide(maximum - maximum);
    if (!row.gradient) return sums;

    T* gradient = row.gradient;
    const double factor = sums.term_factor() / row_terms.unit * call.scale;
    const Pair<T> term_factor = narrowed<T>(factor);
    const double term_at_label = has_label ? wide(gradient[row.label]) : 0;
    if (is_spread) {
        const Pair<T> target_factor = narrowed<T>(-call.scale);
        for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
            const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
            T targets[block_length];
            spread.load(begin, count, targets);
#pragma omp simd
            for (ptrdiff_t i = 0; i < count; ++i)
                gradient[begin + i] =
                    scaled_sum(gradient[begin + i], term_factor, scaled_sum(targets[i], target_factor, T(0)));
        }
    } else {
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) gradient[i] = scaled_sum(gradient[i], term_factor, T(0));
    }
    if (has_label) gradient[row.label] = T(term_at_label * factor - weight * (spread.kept + spread.share) * call.scale);
    if (peak < n) gradient[peak] = T(sums.peak_gradient() * call.scale);
    return sums;
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
inline typename Operation::Row loss_row(const RowLossCall& call, const LossRow<T>& row) {
    if constexpr (!Operation::is_normalised)
        return picked_loss_row<Operation>(call, row);
    else
        return normalised_loss_row<Operation>(call, row);
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
double run_row_loss(const RowLossCall& call, ptrdiff_t begin, ptrdiff_t end, void* scratch) {
    const ptrdiff_t n = call.classes;
    if constexpr (Operation::is_normalised)
        if (n <= narrow_limit) return run_narrow_row_loss<Operation, T>(call, begin, end);
    const bool wants_gradient = call.gradient.starts.data != nullptr;
    const bool direct_pred = has_direct_rows<T>(call.pred);
    const bool direct_gradient = wants_gradient && has_direct_rows<T>(call.gradient);
    T* const tile = static_cast<T*>(scratch);
    double sum = 0;
    for (ptrdiff_t first = begin; first < end; first += row_loss_tile) {
        const ptrdiff_t count = end - first < row_loss_tile ? end - first : row_loss_tile;
        char *pred[row_loss_tile], *gradient[row_loss_tile], *probabilities[row_loss_tile];
        row_starts(call.pred, first, count, pred);
        if (wants_gradient) row_starts(call.gradient, first, count, gradient);
        if (!call.labels) row_starts(call.probabilities, first, count, probabilities);
        if (!direct_pred) load_rows(call.pred, pred, count, n, tile);

        typename Operation::Row sums[row_loss_tile] = {};  // an ignored row's value is 0
        for (ptrdiff_t r = 0; r < count; ++r) {
            LossRow<T> row;
            row.x = direct_pred ? reinterpret_cast<const T*>(pred[r]) : tile + r * n;
            row.gradient = direct_gradient  ? reinterpret_cast<T*>(gradient[r])
                           : wants_gradient ? tile + r * n
                                            : nullptr;
            row.label = call.labels ? ptrdiff_t(call.labels[first + r]) : -1;
            row.probabilities = call.labels ? nullptr : probabilities[r];
            const bool ignored = call.labels && row.label == call.ignore_index;
            if (!ignored)
                sums[r] = loss_row<Operation>(call, row);
            else if (row.gradient)
                for (ptrdiff_t i = 0; i < n; ++i) row.gradient[i] = T(0);
        }
        double values[row_loss_tile];
#pragma omp simd
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) values[r] = sums[r].value();
        for (ptrdiff_t r = 0; r < count; ++r) sum += values[r];
        if (wants_gradient && !direct_gradient) store_rows(tile, call.gradient, gradient, count, n);
        if (call.values.data) store_row_values<T>(values, call.values, first, count);
    }
    return sum;
}

inline void weigh_rows(const RowLossCall& call, ptrdiff_t first, ptrdiff_t count, Across<double>& weights) {
    const RowView& rows = call.probabilities;
    char* starts[row_loss_tile];
    row_starts(rows, first, count, starts);
    for (ptrdiff_t r = 0; r < count; ++r) {
        LaneSum weight;
        for (ptrdiff_t i = 0; i < call.classes; i += block_length) {
            const ptrdiff_t length = call.classes - i < block_length ? call.classes - i : block_length;
            double numbers[block_length];
            load_number(rows.starts.number, starts[r] + i * rows.stride, rows.stride, numbers, length);
#pragma omp simd
            for (ptrdiff_t k = 0; k < length; ++k) numbers[k] *= call.class_weights[i + k];
            weight.add(numbers, length);
        }
        weights[r] = weight.total();
    }
}

// What the probabilities of rows [begin, end) weigh together.
inline double weigh_probabilities(const RowLossCall& call, ptrdiff_t begin, ptrdiff_t end, void*) {
    double sum = 0;
    for (ptrdiff_t first = begin; first < end; first += row_loss_tile) {
        const ptrdiff_t count = end - first < row_loss_tile ? end - first : row_loss_tile;
        Across<double> weights;
        (call.classes <= narrow_limit ? weigh_narrow_rows : weigh_rows)(call, first, count, weights);
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

template <class... Operations>
struct RowLossesOf;
template <class... Operations>
struct RowLossesOf<List<Operations...>> {
    static constexpr RowLoss entries[] = {row_loss_entry<Operations>()...};
    static constexpr Span<RowLoss> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
