// How the formula of a loss runs over rows of class scores: labels, and rows of any layout, brought to where a pass
// finds them.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "column_tile.h"
#include "forms.h"
#include "interleaved_rows.h"
#include "long_row.h"
#include "row_tiles.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
inline constexpr T zeros[block_length] = {};

inline bool wants_gradient(const RowLossCall& call) { return call.gradient.starts.data; }

inline ptrdiff_t label_of(const RowLossCall& call, ptrdiff_t row) { return call.labels ? call.labels[row] : -1; }
inline bool is_ignored(const RowLossCall& call, ptrdiff_t row) {
    return call.labels && call.labels[row] == call.ignore_index;
}
inline double label_weight(const RowLossCall& call, ptrdiff_t label) {
    return label < 0 ? 0 : call.class_weights ? call.class_weights[label] : 1;
}

// A tile of rows that are transposed, so that a vector runs across them and nothing is lost on rows shorter than one.
template <class Operation, class T>
class TransposedLosses {
public:
    explicit TransposedLosses(const RowLossCall& call) : call_(call) {
        if (call.labels) __builtin_memset(probabilities_[0], 0, sizeof probabilities_[0]);
    }

    [[gnu::noinline]] void run(ptrdiff_t first, ptrdiff_t count, double* values) {
        const ptrdiff_t n = call_.classes;
        load_transposed(call_.pred, first, count, n, x_);
        if (!call_.labels) load_transposed(call_.probabilities, first, count, n, probabilities_);
        const Matrix<T> x = {x_[0], row_loss_tile}, in[] = {x, {probabilities_[0], call_.labels ? 0 : row_loss_tile}};
        const Pass pass(in, x, n, {}, wants_gradient(call_));
        typename Pass::template Values<Index> labels;
        typename Pass::template Values<double> weights;
        for (ptrdiff_t r = 0; r < row_loss_tile; ++r) {
            const bool has_label = r < count && !is_ignored(call_, first + r);
            labels.set(r, has_label ? Index(label_of(call_, first + r)) : Index(-1));
            weights.set(r, label_weight(call_, labels[r]));
        }
        const auto value = Operation::run(pass, labels, weights, call_);
        for (ptrdiff_t r = 0; r < count; ++r) values[r] = is_ignored(call_, first + r) ? 0 : value[r];
        if (!wants_gradient(call_)) return;
        clear_ignored(first, count);
        store_transposed(x_, call_.gradient, first, count, n);
    }

private:
    using Index = typename Format<T>::SignedBits;
    using Pass = ColumnTile<T, 2, row_loss_tile, IndexConstant<row_loss_tile>, Index>;

    void clear_ignored(ptrdiff_t first, ptrdiff_t count) {
        for (ptrdiff_t r = 0; r < count; ++r)
            if (is_ignored(call_, first + r))
                for (ptrdiff_t i = 0; i < call_.classes; ++i) x_[i][r] = T(0);
    }

    const RowLossCall& call_;
    alignas(64) TileColumn<T> x_[narrow_limit<T>];  // then the gradient
    alignas(64) TileColumn<T> probabilities_[narrow_limit<T>];
};

// A row of a call, contiguous in the computing type, and where its probabilities are.
template <class T>
struct LossRow {
    const T* x;
    T* gradient;  // may be x; null: not wanted
    ptrdiff_t label;
    char* probabilities;
};

template <class T>
inline StridedRow<T> probabilities_of(const RowLossCall& call, const LossRow<T>& row) {
    static constexpr T zero = 0;
    if (call.labels)
        return {reinterpret_cast<char*>(const_cast<T*>(&zero)), 0, call.classes, false, load_block<T>, nullptr};
    const RowView& rows = call.probabilities;
    return {row.probabilities,
            rows.stride,
            call.classes,
            has_direct_rows<T>(rows),
            loader_of<T>(rows.starts.dtype),
            nullptr};
}

template <class Operation, class T>
[[gnu::noinline]] double run_long_loss(const RowLossCall& call, const LossRow<T>& row, const RunSharing* sharing) {
    using Pass = LongRow<T, 2>;
    const auto contiguous = [&](const T* first) -> StridedRow<T> {
        return {
            reinterpret_cast<char*>(const_cast<T*>(first)), ptrdiff_t(sizeof(T)), call.classes, true, nullptr, nullptr};
    };
    const StridedRow<T> in[] = {contiguous(row.x), probabilities_of(call, row)}, out = contiguous(row.gradient);
    typename Pass::template Values<ptrdiff_t> label;
    typename Pass::template Values<double> weight;
    label.set(0, row.label);
    weight.set(0, label_weight(call, row.label));
    const Pass pass(in, out, call.classes, sharing);
    return Operation::run(pass, label, weight, call)[0];
}

template <class Operation, class T>
[[gnu::noinline]] void run_interleaved_losses(const RowLossCall& call, const LossRow<T>* rows,
                                              const T* const* probabilities, ptrdiff_t count, double* values) {
    using Pass = InterleavedRows<T, 2>;
    typename Pass::Row row[Pass::most];
    typename Pass::template Values<ptrdiff_t> labels = {};
    typename Pass::template Values<double> weights = {};
    for (ptrdiff_t r = 0; r < count; ++r) {
        row[r] = {{rows[r].x, probabilities[r]}, rows[r].gradient};
        labels.set(r, rows[r].label);
        weights.set(r, label_weight(call, rows[r].label));
    }
    const Pass pass(row, call.classes, count, wants_gradient(call));
    const auto value = Operation::run(pass, labels, weights, call);
    for (ptrdiff_t r = 0; r < count; ++r) values[r] = value[r];
}

template <class Operation, class T>
inline void run_contiguous_losses(const RowLossCall& call, const LossRow<T>* rows, ptrdiff_t count, double* values,
                                  const RunSharing* sharing) {
    using Pass = InterleavedRows<T, 2>;
    const ptrdiff_t n = call.classes;
    if (n > Pass::longest || sharing) {
        for (ptrdiff_t r = 0; r < count; ++r) values[r] = run_long_loss<Operation>(call, rows[r], sharing);
        return;
    }
    alignas(64) T loaded[2 * Pass::longest];
    const ptrdiff_t at_once = Operation::reads_whole_rows ? Pass::rows_at_once(n) : Pass::most;
    for (ptrdiff_t first = 0; first < count; first += at_once) {
        const ptrdiff_t group = smaller(count - first, at_once);
        const T* probabilities[Pass::most];
        for (ptrdiff_t r = 0; r < group; ++r) {
            probabilities[r] = zeros<T>;
            if (!Operation::takes_probabilities || call.labels) continue;
            const StridedRow<T> row = probabilities_of(call, rows[first + r]);
            probabilities[r] = row.is_direct ? reinterpret_cast<const T*>(row.first)
                                             : row.load(row.first, row.stride, n, loaded + r * n);
        }
        run_interleaved_losses<Operation>(call, rows + first, probabilities, group, values + first);
    }
}

// Rows [first, first + count), of which those that are not contiguous in the computing type pass through a tile. An
// ignored row's value and gradient are 0.
template <class Operation, class T>
inline void run_loss_tile(const RowLossCall& call, ptrdiff_t first, ptrdiff_t count, T* tile, double* values,
                          const RunSharing* sharing) {
    const ptrdiff_t n = call.classes;
    const bool wants = wants_gradient(call), direct_pred = has_direct_rows<T>(call.pred),
               direct_gradient = wants && has_direct_rows<T>(call.gradient);
    char *pred[row_loss_tile], *gradient[row_loss_tile], *probabilities[row_loss_tile] = {};
    row_starts(call.pred, first, count, pred);
    if (wants) row_starts(call.gradient, first, count, gradient);
    if (!call.labels) row_starts(call.probabilities, first, count, probabilities);
    if (!direct_pred) load_rows(call.pred, pred, count, n, tile);

    LossRow<T> counted[row_loss_tile];
    ptrdiff_t places[row_loss_tile], counted_rows = 0;
    for (ptrdiff_t r = 0; r < count; ++r) {
        T* const in_tile = tile + r * n;
        T* const row_gradient = direct_gradient ? reinterpret_cast<T*>(gradient[r]) : wants ? in_tile : nullptr;
        values[r] = 0;
        if (is_ignored(call, first + r)) {
            for (ptrdiff_t i = 0; row_gradient && i < n; ++i) row_gradient[i] = T(0);
            continue;
        }
        places[counted_rows] = r;
        counted[counted_rows++] = {direct_pred ? reinterpret_cast<const T*>(pred[r]) : in_tile, row_gradient,
                                   label_of(call, first + r), probabilities[r]};
    }
    double found[row_loss_tile];
    run_contiguous_losses<Operation>(call, counted, counted_rows, found, sharing);
    for (ptrdiff_t r = 0; r < counted_rows; ++r) values[places[r]] = found[r];
    if (wants && !direct_gradient) store_rows(tile, call.gradient, gradient, count, n);
}

template <class Operation, class T>
double run_row_loss(const RowLossCall& call, ptrdiff_t begin, ptrdiff_t end, void* scratch, ptrdiff_t scratch_rows,
                    const RunSharing* sharing) {
    double sum = 0;
    const auto each_tile = [&](ptrdiff_t rows, auto run) NPFUSE_LAMBDA {
        for (ptrdiff_t first = begin; first < end; first += rows) {
            const ptrdiff_t count = smaller(end - first, rows);
            double values[row_loss_tile];
            run(first, count, values);
            for (ptrdiff_t r = 0; r < count; ++r) sum += values[r];
            if (!call.values.data) continue;
            T narrow[row_loss_tile];
            for (ptrdiff_t r = 0; r < count; ++r) narrow[r] = T(values[r]);
            store(narrow, call.values, first, count);
        }
    };
    if (Operation::reads_whole_rows && call.classes <= narrow_limit<T>) {
        TransposedLosses<Operation, T> tile(call);
        each_tile(row_loss_tile,
                  [&](ptrdiff_t first, ptrdiff_t count, double* values) { tile.run(first, count, values); });
    } else {
        each_tile(scratch_rows, [&](ptrdiff_t first, ptrdiff_t count, double* values) {
            run_loss_tile<Operation>(call, first, count, static_cast<T*>(scratch), values, sharing);
        });
    }
    return sum;
}

// What the probabilities of rows [begin, end) weigh together.
inline double weigh_probabilities(const RowLossCall& call, ptrdiff_t begin, ptrdiff_t end, void*, ptrdiff_t,
                                  const RunSharing* sharing) {
    const ptrdiff_t n = call.classes;
    const RowView& rows = call.probabilities;
    double sum = 0;
    for (ptrdiff_t first = begin; first < end; first += row_loss_tile) {
        const ptrdiff_t count = smaller(end - first, row_loss_tile);
        if (n <= narrow_limit<double>) {
            alignas(64) TileColumn<double> numbers[narrow_limit<double>];
            load_transposed(rows, first, count, n, numbers);
            const Matrix<double> matrix = {numbers[0], row_loss_tile}, in[] = {matrix, matrix};
            const ColumnTile<double, 2, row_loss_tile, IndexConstant<row_loss_tile>, ptrdiff_t> pass(in, matrix, n, {},
                                                                                                     false);
            const auto weights = ProbabilityWeights::run(pass, call.class_weights);
            for (ptrdiff_t r = 0; r < count; ++r) sum += weights[r];
            continue;
        }
        char* starts[row_loss_tile];
        row_starts(rows, first, count, starts);
        for (ptrdiff_t r = 0; r < count; ++r) {
            const StridedRow<double> row = probabilities_of(call, LossRow<double>{nullptr, nullptr, -1, starts[r]}),
                                     in[] = {row, row}, out = {};
            const LongRow<double, 2> pass(in, out, n, sharing);
            sum += ProbabilityWeights::run(pass, call.class_weights)[0];
        }
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
