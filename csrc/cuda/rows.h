// What runs along rows: the passes of loops/row_kernels.h.
#pragma once

#include "row_pass.h"

NPFUSE_FORMULAS_BEGIN

template <class Operation>
struct SoftmaxRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(Pass& pass, int input = 0) {
        spread<Pass>(pass, input, [](int, auto y) { return y; });
    }
    // Writes factor(thread, y).
    template <class Pass, class Finish>
    static NPFUSE_DEVICE void spread(Pass& pass, int input, Finish finish) {
        using T = typename Pass::T;
        pass.hold(input);
        pass.find_maxima(input);
        const auto term = pass.kept(
            input, [&pass, input](const RowElement& e) { return pass.terms(e.thread).term(pass.input(input, e)); });
        pass.sum(term);
        pass.prepare([&](int thread) { return narrowed<T>(1.0 / pass.total(thread)); });
        pass.write([&](const RowElement& e) {
            return finish(e.thread, Operation::quotient(term(e), pass.prepared(e.thread)));
        });
    }
};

template <class Operation>
struct LogSoftmaxRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(Pass& pass) {
        pass.hold(0);
        pass.find_maxima(0);
        pass.sum_beside_maximum(0);
        pass.prepare(
            [&](int thread) { return log_of_row_sum(pass.maximum(thread), pass.total_beside_maximum(thread)); });
        pass.write(
            [&](const RowElement& e) { return Operation::logarithm(pass.input(0, e), pass.prepared(e.thread)); });
    }
};

template <class Operation>
struct LogSumExpRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(Pass& pass) {
        using T = typename Pass::T;
        pass.hold(0);
        pass.find_maxima(0);
        pass.sum_beside_maximum(0);
        pass.prepare([&](int thread) {
            return Pair<T>{log_sum_exp(pass.maximum(thread), pass.total_beside_maximum(thread)), T(0)};
        });
        pass.find_nan(0);
        pass.write_number([&](int thread) {
            // An infinite result is NaN if any is there.
            const T y = pass.prepared(thread).hi;
            const long long nan = pass.after_last_nan(thread);
            return y - y == T(0) || nan == 0 ? y : pass.stored(0, thread, nan - 1);
        });
    }
};

// From dy and the output y.
template <class Operation>
struct BackwardRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(Pass& pass) {
        using T = typename Pass::T;
        pass.hold(0);
        pass.hold(1);
        pass.sum([&](const RowElement& e) { return Operation::backward_term(pass.input(0, e), pass.input(1, e)); });
        pass.prepare([&](int thread) { return narrowed<T>(pass.total(thread)); });
        pass.write([&](const RowElement& e) {
            return Operation::backward(pass.input(0, e), pass.input(1, e), pass.prepared(e.thread));
        });
    }
};

// dy, one number for the row, spread over it by its softmax.
template <class Operation>
struct LogSumExpRowsBackward {
    template <class Pass>
    static NPFUSE_DEVICE void run(Pass& pass) {
        SoftmaxRows<Operation>::spread(pass, 1, [&](int thread, auto y) { return pass.number(0, thread) * y; });
    }
};

template <class Body, class S>
struct RowsKernel {
    template <class Form>
    struct In {
        using Pass = RowPass<S, Form>;
        using Shared = typename Pass::Shared;
        static constexpr int threads = Pass::threads;

        device::RowsCall call;

        NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
            Pass pass(call, block, shared);
            Body::run(pass);
        }
    };
};

template <class Body, class S>
void launch_rows(const device::RowsCall& call, device::Stream stream) {
    launch_on_rows<RowsKernel<Body, S>::template In>(call, stream, call);
}

template <class Body>
constexpr device::RowsKernels rows_launchers() {
    return {
        {launch_rows<Body, float16>, launch_rows<Body, bfloat16>, launch_rows<Body, float>, launch_rows<Body, double>}};
}

template <class Operation>
constexpr device::RowOperation row_operation() {
    if constexpr (Operation::kind == RowKind::quotient)
        return {rows_launchers<SoftmaxRows<Operation>>(), rows_launchers<BackwardRows<Operation>>()};
    else if constexpr (Operation::kind == RowKind::log_quotient)
        return {rows_launchers<LogSoftmaxRows<Operation>>(), rows_launchers<BackwardRows<Operation>>()};
    else
        return {rows_launchers<LogSumExpRows<Operation>>(), rows_launchers<LogSumExpRowsBackward<Operation>>()};
}

template <class... Operations>
struct RowLaunchers;
template <class... Operations>
struct RowLaunchers<List<Operations...>> {
    static constexpr device::RowOperation entries[] = {row_operation<Operations>()...};
    static constexpr Span<device::RowOperation> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
