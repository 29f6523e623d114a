// What runs along rows: the passes of loops/row_kernels.h, each row by a warp, or by a whole block where rows are long.
#pragma once

#include "row_group.h"
#include "table.h"

NPFUSE_FORMULAS_BEGIN

// Rows of an array of shape (outer, n, inner), or one number for each row.
template <class S>
struct DeviceRows {
    S* data;
    long long n, inner;

    NPFUSE_DEVICE S& at(long long row, long long j) const {
        return data[row / inner * n * inner + row % inner + j * inner];
    }
};

// One call on a block's rows: element by element, the largest, and sums.
template <class S, int width>
class RowPass {
public:
    using T = compute_t<S>;
    static constexpr int threads = 256;
    using Groups = RowGroups<threads, width>;
    static constexpr int rows = Groups::rows;

    struct Shared {
        typename Groups::Shared sums;
        T maxima[threads];
        long long found[threads];
        double beside[rows];
        Pair<T> pairs[rows];
    };

    NPFUSE_DEVICE RowPass(const device::RowsCall& call, const device::Block<threads>& block, Shared& shared)
        : call_(call), block_(block), shared_(shared) {}

    // Groups beyond the last row work on it too, and keep the result to themselves.
    NPFUSE_DEVICE long long row(int thread) const {
        const long long own = block_.index * rows + Groups::row_of(thread);
        return own < call_.rows ? own : call_.rows - 1;
    }
    NPFUSE_DEVICE bool is_own(int thread) const { return block_.index * rows + Groups::row_of(thread) < call_.rows; }
    static NPFUSE_DEVICE bool is_first(int thread) { return Groups::place_of(thread) == 0; }

    NPFUSE_DEVICE T input(int i, int thread, long long j) const {
        return to_compute(
            DeviceRows<const S>{static_cast<const S*>(call_.inputs[i]), call_.n, call_.inner}.at(row(thread), j));
    }
    NPFUSE_DEVICE T number(int i, int thread) const {
        return to_compute(static_cast<const S*>(call_.inputs[i])[row(thread)]);
    }

    template <class Work>
    NPFUSE_DEVICE void each_element(Work work) const {
        block_.each([&](int thread) {
            for (long long j = Groups::place_of(thread); j < call_.n; j += width) work(thread, j);
        });
    }

    // Writes f(thread, j) along the rows.
    template <class F>
    NPFUSE_DEVICE void write(F f) const {
        const DeviceRows<S> output = {static_cast<S*>(call_.output), call_.n, call_.inner};
        each_element([&](int thread, long long j) {
            if (is_own(thread)) from_compute(f(thread, j), output.at(row(thread), j));
        });
    }

    // NaN may be passed over: the sums that follow find it.
    NPFUSE_DEVICE void find_maxima(int i) const {
        constexpr T infinity = Format<T>::infinity;
        block_.each([&](int thread) {
            T maximum = call_.n > 0 ? input(i, thread, 0) : -infinity;
            for (long long j = Groups::place_of(thread); j < call_.n; j += width) {
                const T next = input(i, thread, j);
                maximum = next > maximum ? next : maximum;
            }
            shared_.maxima[thread] = maximum;
        });
        Groups::combine_all(block_, shared_.maxima, [](T a, T b) { return b > a ? b : a; });
    }
    NPFUSE_DEVICE T maximum(int thread) const { return shared_.maxima[Groups::row_of(thread) * width]; }

    NPFUSE_DEVICE RowTerms<T> terms(int thread) const { return RowTerms<T>::below(maximum(thread)); }

    template <class Term>
    NPFUSE_DEVICE void sum(Term term) const {
        Groups::sum(block_, shared_.sums, call_.n, term);
    }
    NPFUSE_DEVICE double total(int thread) const { return shared_.sums.lanes[Groups::row_of(thread)][0]; }

    // The sum of exp(x - maximum) without one element that is the maximum and whose term is 1.
    NPFUSE_DEVICE void sum_beside_maximum(int i) const {
        const auto summed = [&](int thread) { return SummedTerms<T>::below(maximum(thread)); };
        const auto term = [&](int thread, long long j) { return summed(thread).term(input(i, thread, j)); };
        sum([&](int thread, long long j) { return double(term(thread, j)); });
        block_.each([&](int thread) {
            if (is_first(thread))
                shared_.beside[Groups::row_of(thread)] = summed(thread).beside(maximum(thread), total(thread));
        });
        bool is_lost = false;
        for (double beside : shared_.beside) is_lost |= beside < lost_beside_one<T>;
        if (!is_lost) return;
        // The maximum dominates so much that its own term has rounded the others away: they are added by themselves.
        block_.each([&](int thread) {
            long long position = Groups::place_of(thread);
            while (position < call_.n && input(i, thread, position) != maximum(thread)) position += width;
            shared_.found[thread] = position;
        });
        Groups::combine_all(block_, shared_.found, [](long long a, long long b) { return b < a ? b : a; });
        sum([&](int thread, long long j) {
            return double(j == shared_.found[Groups::row_of(thread) * width] ? T(0) : term(thread, j));
        });
        block_.each([&](int thread) {
            double& beside = shared_.beside[Groups::row_of(thread)];
            if (is_first(thread) && beside < lost_beside_one<T>)
                beside = total(thread) / summed(thread).unit(maximum(thread));
        });
    }
    NPFUSE_DEVICE double total_beside_maximum(int thread) const { return shared_.beside[Groups::row_of(thread)]; }

    // One number more than the position of the last NaN, in found[0] of each group.
    NPFUSE_DEVICE void find_nan(int i) const {
        block_.each([&](int thread) {
            shared_.found[thread] = 0;
            for (long long j = Groups::place_of(thread); j < call_.n; j += width) {
                const T x = input(i, thread, j);
                if (x != x) shared_.found[thread] = j + 1;
            }
        });
        Groups::combine_all(block_, shared_.found, [](long long a, long long b) { return b > a ? b : a; });
    }
    NPFUSE_DEVICE long long after_last_nan(int thread) const { return shared_.found[Groups::row_of(thread) * width]; }

    // The first position of the maximum; n where it is nowhere, as NaN is.
    NPFUSE_DEVICE void find_first_maximum(int i) const {
        block_.each([&](int thread) {
            shared_.found[thread] = call_.n;
            for (long long j = Groups::place_of(thread); j < call_.n && shared_.found[thread] == call_.n; j += width)
                if (input(i, thread, j) == maximum(thread)) shared_.found[thread] = j;
        });
        Groups::combine_all(block_, shared_.found, [](long long a, long long b) { return b < a ? b : a; });
    }
    NPFUSE_DEVICE long long position(int thread) const { return shared_.found[Groups::row_of(thread) * width]; }

    template <class Work>
    NPFUSE_DEVICE void each_thread(Work work) const {
        block_.each(work);
    }

    // Works out one pair for each row.
    template <class F>
    NPFUSE_DEVICE void prepare(F f) const {
        block_.each([&](int thread) {
            if (is_first(thread)) shared_.pairs[Groups::row_of(thread)] = f(thread);
        });
    }
    NPFUSE_DEVICE Pair<T> prepared(int thread) const { return shared_.pairs[Groups::row_of(thread)]; }

    // Writes one number for each row.
    template <class F>
    NPFUSE_DEVICE void write_number(F f) const {
        block_.each([&](int thread) {
            if (is_first(thread) && is_own(thread)) from_compute(f(thread), static_cast<S*>(call_.output)[row(thread)]);
        });
    }

private:
    const device::RowsCall& call_;
    const device::Block<threads>& block_;
    Shared& shared_;
};

template <class Operation>
struct SoftmaxRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass, int input = 0) {
        spread<Pass>(pass, input, [](int, auto y) { return y; });
    }
    // Writes factor(thread, y).
    template <class Pass, class Finish>
    static NPFUSE_DEVICE void spread(const Pass& pass, int input, Finish finish) {
        using T = typename Pass::T;
        pass.find_maxima(input);
        const auto term = [&](int thread, long long j) {
            return pass.terms(thread).term(pass.input(input, thread, j));
        };
        pass.sum([&](int thread, long long j) { return double(term(thread, j)); });
        pass.prepare([&](int thread) { return narrowed<T>(1.0 / pass.total(thread)); });
        pass.write([&](int thread, long long j) {
            return finish(thread, Operation::quotient(term(thread, j), pass.prepared(thread)));
        });
    }
};

template <class Operation>
struct LogSoftmaxRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        using T = typename Pass::T;
        pass.find_maxima(0);
        pass.sum_beside_maximum(0);
        pass.prepare(
            [&](int thread) { return log_of_row_sum(pass.maximum(thread), pass.total_beside_maximum(thread)); });
        pass.write([&](int thread, long long j) {
            return Operation::logarithm(pass.input(0, thread, j), pass.prepared(thread));
        });
    }
};

template <class Operation>
struct LogSumExpRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        using T = typename Pass::T;
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
            return y - y == T(0) || nan == 0 ? y : pass.input(0, thread, nan - 1);
        });
    }
};

// From dy and the output y.
template <class Operation>
struct BackwardRows {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        using T = typename Pass::T;
        pass.sum([&](int thread, long long j) {
            return Operation::backward_term(pass.input(0, thread, j), pass.input(1, thread, j));
        });
        pass.prepare([&](int thread) { return narrowed<T>(pass.total(thread)); });
        pass.write([&](int thread, long long j) {
            return Operation::backward(pass.input(0, thread, j), pass.input(1, thread, j), pass.prepared(thread));
        });
    }
};

// dy, one number for the row, spread over it by its softmax.
template <class Operation>
struct LogSumExpRowsBackward {
    template <class Pass>
    static NPFUSE_DEVICE void run(const Pass& pass) {
        SoftmaxRows<Operation>::spread(pass, 1, [&](int thread, auto y) { return pass.number(0, thread) * y; });
    }
};

template <class Body, class S, int width>
struct RowsKernel {
    using Pass = RowPass<S, width>;
    using Shared = typename Pass::Shared;
    static constexpr int threads = Pass::threads;

    device::RowsCall call;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        Body::run(Pass(call, block, shared));
    }
};

// Up to this length a warp is enough for a row.
inline constexpr long long short_row = 1024;

template <class Body, class S>
void launch_rows(const device::RowsCall& call, device::Stream stream) {
    using Narrow = RowsKernel<Body, S, 32>;
    using Wide = RowsKernel<Body, S, 256>;
    if (call.n <= short_row)
        device::launch(Narrow{call}, device::blocks_for(call.rows, Narrow::Pass::rows), stream);
    else
        device::launch(Wide{call}, call.rows, stream);
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
