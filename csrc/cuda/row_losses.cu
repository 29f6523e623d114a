// Losses of rows of class scores.
#define NPFUSE_ISA cuda
#include "../formulas/registry.h"
#include "../loops/entries.h"
#include "../loops/forms.h"
#include "formula_pass.h"
#include "row_forms.h"

NPFUSE_FORMULAS_BEGIN

NPFUSE_DEVICE long long label_of(const device::RowLossCall& call, long long row) {
    return call.wide_labels ? static_cast<const long long*>(call.labels)[row]
                            : static_cast<const int*>(call.labels)[row];
}

// Rows whose label is to be ignored do not count. There are no probabilities where there are labels.
template <class Block>
struct LabelledRows {
    static constexpr bool may_lack_inputs = true;
    static constexpr int bytes_of_values = 80;
    SharedValues<typename Block::Index, typename Block::Groups> labels;  // -1 where there is none
    bool has_labels;

    NPFUSE_DEVICE bool counts(int thread) const { return !has_labels || labels(thread) >= 0; }
};

template <class Operation, class S, class Form>
struct RowLossBlock {
    using Block = RowPass<S, Form>;
    using T = typename Block::T;
    using Index = typename Block::Index;
    using Pass = FormulaPass<S, Form, LabelledRows<Block>>;
    static constexpr int threads = Block::threads;

    struct Shared {
        typename Pass::Shared pass;
        Index labels[Block::rows];
    };

    device::RowLossCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const Block rows(call.rows, block, shared.pass.block);
        rows.each_row([&](int first) {
            const long long label = call.has_labels ? label_of(call, rows.row(first)) : -1;
            const bool is_ignored = call.has_labels && label == call.ignore_index;
            shared.labels[Block::Groups::row_of(first)] = is_ignored ? Index(-1) : Index(label);
        });
        const LabelledRows<Block> labelled = {{shared.labels}, call.has_labels};
        Pass pass(rows, shared.pass, labelled);
        const auto weight = group_values([=, weights = call.class_weights](int thread) {
            const Index label = labelled.labels(thread);
            return label < 0 ? 0.0 : weights != nullptr ? weights[label] : 1.0;
        });
        const auto value = Operation::run(pass, group_values(labelled.labels), weight, call);
        rows.each_row([&](int first) {
            if (!rows.is_own(first)) return;
            const bool counts = labelled.counts(first) && call.rows.n > 0;  // no class, no loss
            const double number = counts ? value[first] : 0;
            call.values[rows.row(first)] = number;
            if (call.stored_values != nullptr)
                from_compute(T(number), static_cast<S*>(call.stored_values)[rows.row(first)]);
        });
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

template <class Operation>
constexpr device::RowLoss row_loss_entry() {
    return {Operation::name,
            Operation::prediction,
            parameters_of<Operation>(),
            Operation::takes_probabilities,
            {launch_row_loss<Operation, float16>, launch_row_loss<Operation, bfloat16>,
             launch_row_loss<Operation, float>, launch_row_loss<Operation, double>}};
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
    using Pass = FormulaPass<S, Form>;
    using Shared = typename Pass::Shared;
    static constexpr int threads = Pass::Block::threads;

    device::RowLossCall call;
    double* weights;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const typename Pass::Block rows(call.rows, block, shared.block);
        Pass pass(rows, shared);
        const auto weight = ProbabilityWeights::run(pass, call.class_weights);
        rows.each_row([&](int first) {
            if (rows.is_own(first)) weights[rows.row(first)] = weight[first];
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

NPFUSE_FORMULAS_END

namespace npfuse::device {

Span<RowLoss> row_losses() {
    return cuda::Entries<cuda::RowLosses, []<class Operation>(cuda::OperationTag<Operation>) {
        return cuda::row_loss_entry<Operation>();
    }>::span;
}

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
