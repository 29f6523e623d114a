#include "column_sums.h"
#include "ordered_sum.h"
#include "tile_sums.h"

NPFUSE_FORMULAS_BEGIN

// dy, x, parameter -> dx, and what each element adds to the parameter's gradient.
template <class Operation>
struct ParameterBackward {
    static constexpr int inputs = 3;
    template <class T>
    static NPFUSE_DEVICE Pair<T> apply(const T (&numbers)[inputs]) {
        return BackwardWithParameter<Operation>::apply(numbers[0], numbers[1], numbers[2]);
    }
};

// A segment of a row, by a block: rows are summed in segments of a fixed length.
template <class Body, class S>
struct RowSegment {
    static constexpr int threads = 256, depth = 4;
    using Tiles = TileSums<threads, 1, depth>;
    using Shared = typename Tiles::Shared;

    device::MatrixCall call;
    long long segments;

    NPFUSE_DEVICE void operator()(const device::Block<threads>& block, Shared& shared) const {
        const long long row = block.index / segments, begin = block.index % segments * sum_segment;
        const long long left = call.columns - begin;
        Tiles::sum(
            block, shared, left < sum_segment ? left : sum_segment, sum_segment,
            [&](int thread, long long first, int count, double* terms) {
                compute(thread, row, begin + first, count, terms);
            },
            [](double sum, double next, long long) { return sum + next; });
        block.each([&](int thread) {
            if (thread == 0) call.partial[call.rows + block.index] = shared.total;
        });
    }

private:
    // All is read before anything is written, so that loads do not wait for stores.
    NPFUSE_DEVICE void compute(int thread, long long row, long long first, int count, double* terms) const {
        const long long element = row * call.columns + first;
        compute_t<S> numbers[depth][Body::inputs][1];
#pragma unroll
        for (int k = 0; k < depth; ++k) {
            const int i = k * threads + thread;
            if (i >= count) continue;
            load_inputs<S>(call, false, element + i, numbers[k]);
            load_inputs<S>(call, true, row % call.period, numbers[k]);
        }
#pragma unroll
        for (int k = 0; k < depth; ++k) {
            const int i = k * threads + thread;
            if (i >= count) continue;
            const auto both = applied<Body>(numbers[k], 0);
            from_compute(both.hi, static_cast<S*>(call.output)[element + i]);
            terms[Tiles::place(i)] = double(both.lo);
        }
    }
};

// Sums for rows, and then for those that are a period apart. The scratch begins with a sum for each row.
template <class Body, class S>
void launch_row_sums(const device::MatrixCall& call, device::Stream stream) {
    if (call.period == 0) return;  // no row, and nothing to sum to
    const long long segments = device::blocks_for(call.columns, sum_segment);
    if (segments > 0) device::launch(RowSegment<Body, S>{call, segments}, call.rows * segments, stream);
    device::launch(device::OrderedSum{call.partial + call.rows, call.rows * segments, segments, 1, call.partial},
                   call.rows, stream);
    launch_total<S>(call, call.rows / call.period, stream);
}

template <class Operation, bool by_column>
constexpr device::MatrixKernels parameter_launchers() {
    if constexpr (requires { Operation::template backward_parameter<float>; }) {
        using Body = ParameterBackward<Operation>;
        if constexpr (by_column)
            return column_sum_launchers<Body>();
        else
            return {{launch_row_sums<Body, float16>, launch_row_sums<Body, bfloat16>, launch_row_sums<Body, float>,
                     launch_row_sums<Body, double>}};
    } else {
        return {};
    }
}

template <bool by_column, class Operations>
struct ParameterLaunchers;
template <bool by_column, class... Operations>
struct ParameterLaunchers<by_column, List<Operations...>> {
    static constexpr device::MatrixKernels entries[] = {parameter_launchers<Operations, by_column>()...};
    static constexpr Span<device::MatrixKernels> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END

namespace npfuse::device {

Span<MatrixKernels> parameter_backward_by_column() { return cuda::ParameterLaunchers<true, cuda::Activations>::span; }
Span<MatrixKernels> parameter_backward_by_row() { return cuda::ParameterLaunchers<false, cuda::Activations>::span; }

}  // namespace npfuse::device
