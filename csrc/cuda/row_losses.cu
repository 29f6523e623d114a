// Losses of rows of class scores: the passes of loops/row_losses.h.
#define NPFUSE_ISA cuda
#include "../loops/row_losses.h"
#include "row_pass.h"

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

template <class Operation, class S, class Form>
struct RowLossBlock {
    using Pass = RowPass<S, Form>;
    using T = typename Pass::T;
    using State = RowLossState<Operation, T>;
    static constexpr int threads = Pass::threads;

    struct Shared {
        typename Pass::Shared pass;
        State states[Pass::rows];
    };

    device::RowLossCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        Pass pass(call.rows, block, shared.pass);
        const auto state = [&](int thread) -> State& { return shared.states[Pass::Groups::row_of(thread)]; };
        begin(pass, state);
        if constexpr (Operation::is_normalised) {
            pass.hold(0);
            if (call.rows.inputs[1] != nullptr) pass.hold(1);
            run_normalised(pass, state);
        } else {
            if (call.rows.output != nullptr)
                pass.write([&](const RowElement& e) {
                    const State& row = state(e.thread);
                    return e.j == row.label && !row.ignored ? T(-row.weight * call.scale) : T(0);
                });
        }
        pass.each_thread([&](int thread) {
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
                if (!row.ignored) row.sums = {-row.weight * wide(pass.stored(0, thread, row.label))};
            }
        });
    }

    NPFUSE_DEVICE bool is_spread() const { return call.labels == nullptr || call.parameters[0] > 0; }
    NPFUSE_DEVICE double share() const { return call.parameters[0] / double(call.rows.n); }
    NPFUSE_DEVICE double kept() const { return 1 - call.parameters[0]; }

    // The target of an element: its probability, smoothed and weighted.
    NPFUSE_DEVICE T smoothed(T probability, long long j) const {
        const T target = fma(probability, T(kept()), T(share()));
        return call.class_weights != nullptr ? T(wide(target) * call.class_weights[j]) : target;
    }
    NPFUSE_DEVICE T target(const Pass& pass, const RowElement& e) const {
        return smoothed(call.rows.inputs[1] != nullptr ? pass.input(1, e) : T(0), e.j);
    }

    // What the sums and the gradient are made of, of any element's prediction but the largest.
    static NPFUSE_DEVICE T term(const Pass& pass, int thread, T prediction) {
        return pass.terms(thread).term(prediction);
    }

    template <class StateOf>
    NPFUSE_DEVICE void run_normalised(Pass& pass, StateOf state) const {
        pass.find_maxima(0);
        pass.find_first_maximum(0);
        pass.each_thread([&](int thread) {
            if (!Pass::is_first(thread)) return;
            State& row = state(thread);
            row.peak = pass.position(thread);
            row.sums.maximum = wide(pass.maximum(thread));
            row.sums.z_loss = call.parameters[1];
        });
        if (is_spread()) sum_targets(pass, state);
        const auto term_of = pass.kept(0, [this, &pass, state](const RowElement& e) {
            return e.j == state(e.thread).peak ? T(0) : term(pass, e.thread, pass.input(0, e));
        });
        pass.sum(term_of);
        pass.each_thread([&](int thread) {
            if (Pass::is_first(thread)) finish(pass, state(thread), thread);
        });
        if (call.rows.output == nullptr) return;
        const bool spreads = is_spread();
        pass.write([&](const RowElement& e) {
            const State& row = state(e.thread);
            if (row.ignored) return T(0);
            if (e.j == row.peak) return row.at_peak;
            if (e.j == row.label) return row.at_label;
            const T spread = spreads ? scaled_sum(target(pass, e), narrowed<T>(-call.scale), T(0)) : T(0);
            return scaled_sum(term_of(e), narrowed<T>(row.factor), spread);
        });
    }

    template <class StateOf>
    NPFUSE_DEVICE void sum_targets(const Pass& pass, StateOf state) const {
        pass.sum([&](const RowElement& e) {
            const T share_of = target(pass, e);
            const double distance = wide(pass.maximum(e.thread)) - wide(pass.input(0, e));
            return share_of == T(0) ? 0.0 : wide(share_of) * distance;
        });
        pass.each_thread([&](int thread) {
            if (Pass::is_first(thread)) state(thread).sums.distance = pass.total(thread);
        });
        pass.sum([&](const RowElement& e) { return e.j == state(e.thread).peak ? T(0) : target(pass, e); });
        pass.each_thread([&](int thread) {
            State& row = state(thread);
            if (!Pass::is_first(thread)) return;
            row.sums.target_elsewhere = pass.total(thread);
            if (row.peak >= call.rows.n) return;
            const T probability = call.rows.inputs[1] != nullptr ? pass.stored(1, thread, row.peak) : T(0);
            row.sums.target_at_peak = wide(smoothed(probability, row.peak));
        });
    }

    NPFUSE_DEVICE void finish(const Pass& pass, State& row, int thread) const {
        const bool has_label = call.labels != nullptr && !row.ignored;
        const T maximum = pass.maximum(thread), at_label = has_label ? pass.stored(0, thread, row.label) : T(0);
        if (has_label) {
            const double target = row.weight * kept();
            (row.label == row.peak ? row.sums.target_at_peak : row.sums.target_elsewhere) += target;
            if (target != 0) row.sums.distance += target * (wide(maximum) - wide(at_label));
        }
        // Infinity and NaN are no maximum that a row can be compared to.
        row.sums.rest = pass.total(thread) / RowTerms<T>::unit + wide(maximum - maximum);
        row.factor = row.sums.term_factor() / RowTerms<T>::unit * call.scale;
        if (has_label && row.label != row.peak) {
            const double own = wide(term(pass, thread, at_label));
            row.at_label = T(own * row.factor - row.weight * (kept() + share()) * call.scale);
        }
        row.at_peak = T(row.sums.peak_gradient() * call.scale);
    }
};

template <class Operation, class S>
struct RowLossKernel {
    template <class Form>
    using In = RowLossBlock<Operation, S, Form>;
};

template <class Operation, class S>
void launch_row_loss(const device::RowLossCall& call, device::Stream stream) {
    launch_on_rows<RowLossKernel<Operation, S>::template In>(call.rows, stream, call);
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

template <class S, class Form>
struct ProbabilityWeightBlock {
    using Pass = RowPass<S, Form>;
    using Shared = typename Pass::Shared;
    static constexpr int threads = Pass::threads;

    device::RowLossCall call;
    double* weights;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        Pass pass(call.rows, block, shared);
        pass.hold(1);
        pass.sum([&](const RowElement& e) { return wide(pass.input(1, e)) * call.class_weights[e.j]; });
        pass.each_thread([&](int thread) {
            if (Pass::is_first(thread) && pass.is_own(thread)) weights[pass.row(thread)] = pass.total(thread);
        });
    }
};

template <class S>
struct ProbabilityWeightKernel {
    template <class Form>
    using In = ProbabilityWeightBlock<S, Form>;
};

template <class S>
void weigh_probabilities(const device::RowLossCall& call, double* weights, device::Stream stream) {
    launch_on_rows<ProbabilityWeightKernel<S>::template In>(call.rows, stream, call, weights);
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
