// What runs along rows: the passes of loops/row_kernels.h.
#pragma once

#include "row_forms.h"
#include "row_pass.h"

NPFUSE_FORMULAS_BEGIN

template <class Operation>
struct SoftmaxRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        spread(pass, 0, [](int) { return [](auto y) { return y; }; });
    }
    // Writes finish(thread)(y).
    template <class Pass, class Finish>
    static NPFUSE_DEVICE void spread(const Pass& pass, int input, Finish finish) {
        using T = typename Pass::T;
        using Element = typename Pass::Element;
        pass.hold(input, -Format<T>::infinity);
        pass.find_maxima(input);
        const auto terms = pass.kept(input, [&pass, input](int thread) {
            return [terms = RowTerms<T>::below(pass.maximum(thread)), x = pass.input(input)(thread)](const Element& e) {
                return terms.term(x(e));
            };
        });
        pass.sum(terms);
        pass.prepare([&](int first) { return narrowed<T>(1.0 / pass.total(first)); });
        pass.write([&](int thread) {
            return [reciprocal = pass.prepared(thread), term = terms(thread), finished = finish(thread)](
                       const Element& e) { return finished(Operation::quotient(term(e), reciprocal)); };
        });
    }
};

template <class Operation>
struct LogSoftmaxRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        using T = typename Pass::T;
        pass.hold(0, -Format<T>::infinity);
        pass.find_maxima(0);
        pass.find_sum_excluding_maximum(0);
        pass.prepare([&](int first) { return log_of_row_sum(pass.maximum(first), pass.sum_excluding_maximum(first)); });
        pass.write([&](int thread) {
            return [sum = pass.prepared(thread), x = pass.input(0)(thread)](const typename Pass::Element& e) {
                return Operation::logarithm(x(e), sum);
            };
        });
    }
};

template <class Operation>
struct LogSumExpRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        using T = typename Pass::T;
        pass.hold(0, -Format<T>::infinity);
        pass.find_maxima(0);
        pass.find_sum_excluding_maximum(0);
        pass.find_nan(0);
        pass.write_number([&](int first) {
            // An infinite result is NaN if any is there.
            const T y = log_sum_exp(pass.maximum(first), pass.sum_excluding_maximum(first));
            const auto nan = pass.after_last_nan(first);
            return y - y == T(0) || nan == 0 ? y : pass.stored(0, first, nan - 1);
        });
    }
};

// From dy and the output y.
template <class Operation>
struct BackwardRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        using T = typename Pass::T;
        using Element = typename Pass::Element;
        pass.hold(0, T(0));
        pass.hold(1, T(0));
        pass.sum([&](int thread) {
            return [dy = pass.input(0)(thread), y = pass.input(1)(thread)](const Element& e) {
                return Operation::backward_term(dy(e), y(e));
            };
        });
        pass.prepare([&](int first) { return narrowed<T>(pass.total(first)); });
        pass.write([&](int thread) {
            return [dy = pass.input(0)(thread), y = pass.input(1)(thread),
                    sum = pass.prepared(thread)](const Element& e) { return Operation::backward(dy(e), y(e), sum); };
        });
    }
};

// dy, one number for the row, spread over it by its softmax.
template <class Operation>
struct LogSumExpRowsBackward {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        SoftmaxRows<Operation>::spread(
            pass, 1, [&](int thread) { return [dy = pass.number(0, thread)](auto y) { return dy * y; }; });
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
            Body::run(Pass(call, block, shared));
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
