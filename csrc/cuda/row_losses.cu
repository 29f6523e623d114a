// Losses of rows of class scores: the passes of loops/row_losses.h.
#define NPFUSE_ISA cuda
#include "../loops/row_losses.h"
#include "row_forms.h"
#include "row_pass.h"

NPFUSE_FORMULAS_BEGIN

NPFUSE_DEVICE long long label_of(const device::RowLossCall& call, long long row) {
    return call.wide_labels ? static_cast<const long long*>(call.labels)[row]
                            : static_cast<const int*>(call.labels)[row];
}

// What a row's gradient needs in addition to its elements.
template <class Operation, class T, class Index>
struct RowLossState {
    typename Operation::Row sums;
    double weight, factor;
    Index argmax, label;  // the label's is none where the row is ignored
    bool ignored;
    T at_argmax, at_label;
};

template <class Operation, class S, class Form>
struct RowLossBlock {
    using Pass = RowPass<S, Form>;
    using T = typename Pass::T;
    using Index = typename Pass::Index;
    using Element = typename Pass::Element;
    using State = RowLossState<Operation, T, Index>;
    static constexpr int threads = Pass::threads;

    struct Shared {
        typename Pass::Shared pass;
        State states[Pass::rows];
    };

    device::RowLossCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const Pass pass(call.rows, block, shared.pass);
        const auto state = [&](int thread) -> State& { return shared.states[Pass::Groups::row_of(thread)]; };
        if constexpr (Operation::is_normalised)
            run_normalised(pass, state);
        else
            run(pass, state);
        pass.each_row([&](int first) {
            if (!pass.is_own(first)) return;
            const bool counts = !state(first).ignored && call.rows.n > 0;  // no class, no loss
            const double value = counts ? state(first).sums.value() : 0;
            call.values[pass.row(first)] = value;
            if (call.stored_values != nullptr)
                from_compute(T(value), static_cast<S*>(call.stored_values)[pass.row(first)]);
        });
    }

private:
    NPFUSE_DEVICE void begin(const Pass& pass, State& row, int first) const {
        row = {};
        const bool has_label = call.labels != nullptr;
        const long long label = has_label ? label_of(call, pass.row(first)) : -1;
        row.ignored = has_label && label == call.ignore_index;
        row.label = row.ignored ? Index(-1) : Index(label);
        const bool weighted = has_label && call.class_weights != nullptr && !row.ignored;
        row.weight = weighted ? call.class_weights[row.label] : 1;
    }

    template <class StateOf>
    NPFUSE_DEVICE void run(const Pass& pass, StateOf state) const {
        pass.each_row([&](int first) {
            State& row = state(first);
            begin(pass, row, first);
            if (!row.ignored) row.sums = {-row.weight * wide(pass.stored(0, first, row.label))};
        });
        if (call.rows.output == nullptr) return;
        pass.write([&](int thread) {
            const State& row = state(thread);
            return [label = row.label, at_label = T(-row.weight * call.scale)](const Element& e) {
                return e.j == label ? at_label : T(0);
            };
        });
    }

    NPFUSE_DEVICE bool is_spread() const { return call.labels == nullptr || call.parameters[0] > 0; }
    NPFUSE_DEVICE double share() const { return call.parameters[0] / double(call.rows.n); }
    NPFUSE_DEVICE double kept() const { return 1 - call.parameters[0]; }

    // The target of element j, given its probability: smoothed and weighted.
    NPFUSE_DEVICE T smoothed(T probability, Index j) const {
        const T target = fma(probability, T(kept()), T(share()));
        return call.class_weights != nullptr ? T(wide(target) * call.class_weights[j]) : target;
    }
    NPFUSE_DEVICE auto targets(const Pass& pass) const {
        return [this, &pass](int thread) {
            return [this, &pass, probability = pass.input(1)(thread)](const Element& e) {
                if (!pass.exists(e)) return T(0);
                return smoothed(call.rows.inputs[1] != nullptr ? probability(e) : T(0), e.j);
            };
        };
    }

    template <class StateOf>
    NPFUSE_DEVICE void run_normalised(const Pass& pass, StateOf state) const {
        const bool spreads = is_spread();
        pass.hold(0, -Format<T>::infinity);
        if (call.rows.inputs[1] != nullptr) pass.hold(1, T(0));
        pass.find_maxima(0);
        pass.find_first_maximum(0);
        pass.each_row([&](int first) {
            State& row = state(first);
            begin(pass, row, first);
            row.argmax = pass.position(first);
            row.sums.maximum = wide(pass.maximum(first));
            row.sums.z_loss = call.parameters[1];
        });
        if (spreads) sum_targets(pass, state);
        const auto terms = pass.kept(0, [&pass, state](int thread) {
            return
                [terms = RowTerms<T>::below(pass.maximum(thread)), x = pass.input(0)(thread),
                 argmax = state(thread).argmax](const Element& e) { return e.j == argmax ? T(0) : terms.term(x(e)); };
        });
        pass.sum(terms);
        pass.each_row([&](int first) { finish(pass, state(first), first); });
        if (call.rows.output == nullptr) return;
        const auto gradient = [&](int thread, auto spread) {
            const State& row = state(thread);
            return [=, term = terms(thread), factor = narrowed<T>(row.factor), argmax = row.argmax, label = row.label,
                    at_argmax = row.at_argmax, at_label = row.at_label, ignored = row.ignored](const Element& e) {
                const T other = scaled_sum(term(e), factor, spread(e));
                const T result = e.j == argmax ? at_argmax : e.j == label ? at_label : other;
                return ignored ? T(0) : result;
            };
        };
        if (spreads)
            pass.write([&](int thread) {
                return gradient(thread, [target = targets(pass)(thread), scale = narrowed<T>(-call.scale)](
                                            const Element& e) { return scaled_sum(target(e), scale, T(0)); });
            });
        else
            pass.write([&](int thread) { return gradient(thread, [](const Element&) { return T(0); }); });
    }

    template <class StateOf>
    NPFUSE_DEVICE void sum_targets(const Pass& pass, StateOf state) const {
        pass.sum([&](int thread) {
            return [target = targets(pass)(thread), x = pass.input(0)(thread),
                    maximum = wide(pass.maximum(thread))](const Element& e) {
                const T share_of = target(e);
                return share_of == T(0) ? 0.0 : wide(share_of) * (maximum - wide(x(e)));
            };
        });
        pass.each_row([&](int first) { state(first).sums.distance = pass.total(first); });
        pass.sum([&](int thread) {
            return [target = targets(pass)(thread), argmax = state(thread).argmax](const Element& e) {
                return e.j == argmax ? T(0) : target(e);
            };
        });
        pass.each_row([&](int first) {
            State& row = state(first);
            row.sums.target_excluding_argmax = pass.total(first);
            if (row.argmax >= call.rows.n) return;
            const T probability = call.rows.inputs[1] != nullptr ? pass.stored(1, first, row.argmax) : T(0);
            row.sums.target_at_argmax = wide(smoothed(probability, row.argmax));
        });
    }

    NPFUSE_DEVICE void finish(const Pass& pass, State& row, int first) const {
        const bool has_label = call.labels != nullptr && !row.ignored;
        const T maximum = pass.maximum(first), prediction = has_label ? pass.stored(0, first, row.label) : T(0);
        if (has_label) {
            const double target = row.weight * kept();
            (row.label == row.argmax ? row.sums.target_at_argmax : row.sums.target_excluding_argmax) += target;
            if (target != 0) row.sums.distance += target * (wide(maximum) - wide(prediction));
        }
        // Infinity and NaN are no maximum that a row can be compared to.
        row.sums.rest = pass.total(first) / RowTerms<T>::unit + wide(maximum - maximum);
        row.factor = row.sums.term_factor() / RowTerms<T>::unit * call.scale;
        if (has_label) {
            const double own = wide(RowTerms<T>::below(maximum).term(prediction));
            row.at_label = T(own * row.factor - row.weight * (kept() + share()) * call.scale);
        }
        row.at_argmax = T(row.sums.argmax_gradient() * call.scale);
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
        const Pass pass(call.rows, block, shared);
        pass.hold(1, compute_t<S>(0));
        pass.sum([&](int thread) {
            return [this, &pass, probability = pass.input(1)(thread)](const typename Pass::Element& e) {
                return pass.exists(e) ? wide(probability(e)) * call.class_weights[e.j] : 0.0;
            };
        });
        pass.each_row([&](int first) {
            if (pass.is_own(first)) weights[pass.row(first)] = pass.total(first);
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

void weigh_rows(const RowLossCall& call, DType storage, double* weights, Stream stream) {
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
