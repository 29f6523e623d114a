// Losses of rows of class scores: the passes of loops/row_losses.h, each row by a warp, or by a whole block where there
// are many classes.
#define NPFUSE_ISA cuda
#include "../loops/row_losses.h"
#include "rows.h"

NPFUSE_FORMULAS_BEGIN

NPFUSE_DEVICE long long label_of(const device::RowLossCall& call, long long row) {
    return call.wide_labels ? static_cast<const long long*>(call.labels)[row]
                            : static_cast<const int*>(call.labels)[row];
}

// What a row's gradient needs besides its elements.
template <class Operation, class T>
struct RowLossState {
    typename Operation::Row sums;
    double weight, factor;
    long long peak, label;
    bool ignored;
    T at_peak, at_label;
};

template <class Operation, class S, int width>
struct RowLossKernel {
    using Pass = RowPass<S, width>;
    using T = typename Pass::T;
    using State = RowLossState<Operation, T>;
    static constexpr int threads = Pass::threads;

    struct Shared {
        typename Pass::Shared pass;
        State states[Pass::rows];
    };

    device::RowLossCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const Pass pass(call.rows, block, shared.pass);
        const auto state = [&](int thread) -> State& { return shared.states[Pass::Groups::row_of(thread)]; };
        begin(pass, state);
        if constexpr (Operation::is_normalised) {
            sum_up(pass, state);
            if (call.rows.output != nullptr) write_normalised(pass, state);
        } else {
            if (call.rows.output != nullptr)
                pass.write([&](int thread, long long j) {
                    const State& row = state(thread);
                    return j == row.label && !row.ignored ? T(-row.weight * call.scale) : T(0);
                });
        }
        block.each([&](int thread) {
            if (!Pass::is_first(thread) || !pass.is_own(thread)) return;
            const double value = state(thread).ignored ? 0 : state(thread).sums.value();
            call.values[pass.row(thread)] = value;
            if (call.stored_values != nullptr)
                from_compute(T(value), static_cast<S*>(call.stored_values)[pass.row(thread)]);
        });
    }

private:
    template <class StateOf>
    NPFUSE_DEVICE void begin(const Pass& pass, StateOf state) const {
        pass.each_thread([&](int thread) {
            if (!Pass::is_first(thread)) return;
            State& row = state(thread);
            row = {};
            row.label = call.labels != nullptr ? label_of(call, pass.row(thread)) : -1;
            row.ignored = call.labels != nullptr && row.label == call.ignore_index;
            const bool weighted = call.labels != nullptr && call.class_weights != nullptr && !row.ignored;
            row.weight = weighted ? call.class_weights[row.label] : 1;
            if constexpr (!Operation::is_normalised) {
                if (!row.ignored) row.sums = {-row.weight * wide(pass.input(0, thread, row.label))};
            }
        });
    }

    NPFUSE_DEVICE bool is_spread() const { return call.labels == nullptr || call.parameters[0] > 0; }
    NPFUSE_DEVICE double share() const { return call.parameters[0] / double(call.rows.n); }
    NPFUSE_DEVICE double kept() const { return 1 - call.parameters[0]; }

    // The target of an element: its probability, smoothed and weighted.
    NPFUSE_DEVICE T target(const Pass& pass, int thread, long long j) const {
        T target = T(share());
        if (call.rows.inputs[1] != nullptr) target = fma(pass.input(1, thread, j), T(kept()), T(share()));
        return call.class_weights != nullptr ? T(wide(target) * call.class_weights[j]) : target;
    }

    template <class StateOf>
    NPFUSE_DEVICE T term(const Pass& pass, StateOf state, int thread, long long j) const {
        return j == state(thread).peak ? T(0) : pass.terms(thread).term(pass.input(0, thread, j));
    }

    template <class StateOf>
    NPFUSE_DEVICE void sum_up(const Pass& pass, StateOf state) const {
        pass.find_maxima(0);
        pass.find_first_maximum(0);
        pass.each_thread([&](int thread) {
            if (!Pass::is_first(thread)) return;
            State& row = state(thread);
            row.peak = pass.position(thread);
            row.sums.maximum = wide(pass.maximum(thread));
            row.sums.z_loss = call.parameters[1];
        });
        if (is_spread()) {
            pass.sum([&](int thread, long long j) {
                const T share_of = target(pass, thread, j);
                const double distance = wide(pass.maximum(thread)) - wide(pass.input(0, thread, j));
                return share_of == T(0) ? 0.0 : wide(share_of) * distance;
            });
            pass.each_thread([&](int thread) {
                if (Pass::is_first(thread)) state(thread).sums.distance = pass.total(thread);
            });
            pass.sum([&](int thread, long long j) {
                return wide(j == state(thread).peak ? T(0) : target(pass, thread, j));
            });
            pass.each_thread([&](int thread) {
                State& row = state(thread);
                if (!Pass::is_first(thread)) return;
                row.sums.target_elsewhere = pass.total(thread);
                if (row.peak < call.rows.n) row.sums.target_at_peak = wide(target(pass, thread, row.peak));
            });
        }
        pass.sum([&](int thread, long long j) { return wide(term(pass, state, thread, j)); });
        pass.each_thread([&](int thread) {
            if (Pass::is_first(thread)) finish(pass, state, thread);
        });
    }

    template <class StateOf>
    NPFUSE_DEVICE void finish(const Pass& pass, StateOf state, int thread) const {
        State& row = state(thread);
        const bool has_label = call.labels != nullptr && !row.ignored;
        const T maximum = pass.maximum(thread);
        if (has_label) {
            const double target = row.weight * kept();
            (row.label == row.peak ? row.sums.target_at_peak : row.sums.target_elsewhere) += target;
            if (target != 0) row.sums.distance += target * (wide(maximum) - wide(pass.input(0, thread, row.label)));
        }
        // Infinity and NaN are no maximum that a row can be compared to.
        row.sums.rest = pass.total(thread) / RowTerms<T>::unit + wide(maximum - maximum);
        row.factor = row.sums.term_factor() / RowTerms<T>::unit * call.scale;
        if (has_label) {
            const double own = wide(term(pass, state, thread, row.label));
            row.at_label = T(own * row.factor - row.weight * (kept() + share()) * call.scale);
        }
        row.at_peak = T(row.sums.peak_gradient() * call.scale);
    }

    template <class StateOf>
    NPFUSE_DEVICE void write_normalised(const Pass& pass, StateOf state) const {
        pass.write([&](int thread, long long j) {
            const State& row = state(thread);
            if (row.ignored) return T(0);
            if (j == row.peak) return row.at_peak;
            if (j == row.label) return row.at_label;
            const T spread = is_spread() ? scaled_sum(target(pass, thread, j), narrowed<T>(-call.scale), T(0)) : T(0);
            return scaled_sum(term(pass, state, thread, j), narrowed<T>(row.factor), spread);
        });
    }
};

template <class Operation, class S>
void launch_row_loss(const device::RowLossCall& call, device::Stream stream) {
    using Narrow = RowLossKernel<Operation, S, 32>;
    using Wide = RowLossKernel<Operation, S, 256>;
    if (call.rows.n <= short_row)
        device::launch(Narrow{call}, device::blocks_for(call.rows.rows, Narrow::Pass::rows), stream);
    else
        device::launch(Wide{call}, call.rows.rows, stream);
}

struct LabelWeightKernel {
    static constexpr int threads = 256;
    using Shared = device::Nothing;

    device::RowLossCall call;
    double* weights;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared&) const {
        block.each([&](int thread) {
            const long long row = block.index * threads + thread;
            if (row >= call.rows.rows) return;
            const long long label = label_of(call, row);
            const bool exists = label >= 0 && label < call.rows.n;
            double weight = exists ? 1 : __builtin_nan("");
            if (exists && call.class_weights != nullptr) weight = call.class_weights[label];
            weights[row] = label == call.ignore_index ? 0 : weight;
        });
    }
};

template <class S, int width>
struct ProbabilityWeightKernel {
    using Pass = RowPass<S, width>;
    using Shared = typename Pass::Shared;
    static constexpr int threads = Pass::threads;

    device::RowLossCall call;
    double* weights;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const Pass pass(call.rows, block, shared);
        pass.sum([&](int thread, long long j) { return wide(pass.input(1, thread, j)) * call.class_weights[j]; });
        block.each([&](int thread) {
            if (Pass::is_first(thread) && pass.is_own(thread)) weights[pass.row(thread)] = pass.total(thread);
        });
    }
};

template <class S>
void weigh_probabilities(const device::RowLossCall& call, double* weights, device::Stream stream) {
    using Narrow = ProbabilityWeightKernel<S, 32>;
    using Wide = ProbabilityWeightKernel<S, 256>;
    if (call.rows.n <= short_row)
        device::launch(Narrow{call, weights}, device::blocks_for(call.rows.rows, Narrow::Pass::rows), stream);
    else
        device::launch(Wide{call, weights}, call.rows.rows, stream);
}

template <class... Operations>
struct RowLossLaunchers;
template <class... Operations>
struct RowLossLaunchers<List<Operations...>> {
    static constexpr device::RowLoss entries[] = {
        {Operations::name,
         Operations::prediction,
         parameters_of<Operations>(),
         Operations::takes_probabilities,
         {launch_row_loss<Operations, float16>, launch_row_loss<Operations, bfloat16>,
          launch_row_loss<Operations, float>, launch_row_loss<Operations, double>}}...};
    static constexpr Span<device::RowLoss> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END

namespace npfuse::device {

Span<RowLoss> row_losses() { return cuda::RowLossLaunchers<cuda::RowLosses>::span; }

void weigh_rows(const RowLossCall& call, Storage storage, double* weights, Stream stream) {
    if (call.labels != nullptr) {
        using Kernel = cuda::LabelWeightKernel;
        launch(Kernel{call, weights}, blocks_for(call.rows.rows, Kernel::threads), stream);
    } else {
        constexpr decltype(&cuda::weigh_probabilities<float>) weigh[] = {
            cuda::weigh_probabilities<cuda::float16>, cuda::weigh_probabilities<cuda::bfloat16>,
            cuda::weigh_probabilities<float>, cuda::weigh_probabilities<double>};
        weigh[static_cast<int>(storage)](call, weights, stream);
    }
}

}  // namespace npfuse::device
