#include "runtime/update.h"

#include <algorithm>
#include <vector>

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"

namespace npfuse::runtime {

namespace {

// Below this many elements a second thread costs more than it saves.
constexpr std::ptrdiff_t elements_per_thread = 16384;

struct Prepared {
    PreparedUpdate float32, float64;
    const PreparedUpdate& for_storage(DType storage) const { return storage == DType::float64 ? float64 : float32; }
};

// Never inlined: arithmetic that the compiler sees could leave the guarded region.
[[gnu::noinline]] double product(double a, double b) { return a * b; }

// Every gradient is multiplied by the factor, in addition to its scale.
std::vector<Prepared> prepare(const Optimizer& optimizer, std::span<const StepSettings> settings, double factor) {
    const FloatingPointGuard guard;
    std::vector<Prepared> prepared(settings.size());
    for (std::size_t i = 0; i < settings.size(); ++i) {
        UpdateSettings common = settings[i].common;
        common.gradient_scale = product(common.gradient_scale, factor);
        optimizer.float32.prepare(common, settings[i].own, prepared[i].float32);
        optimizer.float64.prepare(common, settings[i].own, prepared[i].float64);
    }
    return prepared;
}

// Calls f(operand, its number in the iterator) for the parameter, the gradient, the states and the copy if there is
// one.
template <class F>
void for_each_operand(const Optimizer& optimizer, UpdateOperands& operands, F&& f) {
    const std::size_t states = optimizer.states.count;
    f(operands.parameter, std::size_t{0});
    f(operands.gradient, std::size_t{1});
    for (std::size_t k = 0; k < states; ++k) f(operands.states[k], 2 + k);
    if (operands.copy.data != nullptr) f(operands.copy, 2 + states);
}

// Calls run(operands, n) for runs of constant stride that together are the array's elements [begin, end).
template <class F>
void for_each_run(const Optimizer& optimizer, const ArrayUpdate& array, std::ptrdiff_t begin, std::ptrdiff_t end,
                  F&& run) {
    UpdateOperands operands = array.operands;
    if (array.iterator == nullptr) {
        operands.first += begin;
        for_each_operand(optimizer, operands,
                         [&](Operand& operand, std::size_t) { operand.data += begin * operand.stride; });
        run(operands, end - begin);
        return;
    }
    array.iterator->for_each_run(begin, end, [&](const StridedIterator::Bytes& offsets, std::ptrdiff_t n) {
        operands = array.operands;
        operands.first += begin;
        for_each_operand(optimizer, operands, [&](Operand& operand, std::size_t number) {
            operand.data += offsets[number];
            operand.stride = array.iterator->run_stride(number);
        });
        run(operands, n);
        begin += n;
    });
}

void update_range(const Optimizer& optimizer, const Prepared& prepared, const ArrayUpdate& array, std::ptrdiff_t begin,
                  std::ptrdiff_t end) {
    const DType storage = array.operands.parameter.storage;
    const UpdateLoop loop = active_table().optimizers.update[static_cast<int>(storage)];
    const PreparedUpdate& by = prepared.for_storage(storage);
    for_each_run(optimizer, array, begin, end,
                 [&](const UpdateOperands& operands, std::ptrdiff_t n) { loop(optimizer, by, operands, n); });
}

// The same for a whole row that has several gradients.
void update_row(const Optimizer& optimizer, const Prepared& prepared, const ArrayUpdate& row,
                std::span<const std::ptrdiff_t> given, std::ptrdiff_t gradient_stride) {
    const DType storage = row.operands.parameter.storage;
    const UpdateLoop loop = active_table().optimizers.update[static_cast<int>(storage)];
    const RowSumLoop sum_rows = active_table().optimizers.sum_rows[static_cast<int>(storage)];
    const PreparedUpdate& by = prepared.for_storage(storage);
    const bool wide = storage == DType::float64;
    alignas(64) char sums[max_row_sum * sizeof(double)];
    const Operand summed = {
        .data = sums,
        .stride = static_cast<std::ptrdiff_t>(wide ? sizeof(double) : sizeof(float)),
        .storage = wide ? DType::float64 : DType::float32,
        .swapped = false,
        .aligned = true,
    };
    for (std::ptrdiff_t begin = 0; begin < row.size; begin += max_row_sum) {
        const std::ptrdiff_t end = std::min(begin + max_row_sum, row.size);
        for_each_run(optimizer, row, begin, end, [&](UpdateOperands operands, std::ptrdiff_t n) {
            sum_rows(operands.gradient, given.data(), std::ssize(given), gradient_stride, n, sums);
            operands.gradient = summed;
            loop(optimizer, by, operands, n);
        });
    }
}

}  // namespace

void run_updates(const Optimizer& optimizer, std::span<const StepSettings> settings,
                 std::span<const ArrayUpdate> arrays, double factor) {
    const std::vector<Prepared> prepared = prepare(optimizer, settings, factor);

    // All arrays behind each other are one range of elements; starts[i] is where array i begins in it.
    std::vector<std::ptrdiff_t> starts(arrays.size());
    std::ptrdiff_t total = 0;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        starts[i] = total;
        total += arrays[i].size;
    }

    parallel_for(total, elements_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const FloatingPointGuard guard;
        std::size_t i = std::upper_bound(starts.begin(), starts.end(), begin) - starts.begin() - 1;
        for (; i < arrays.size() && starts[i] < end; ++i) {
            const ArrayUpdate& array = arrays[i];
            const std::ptrdiff_t first = std::max<std::ptrdiff_t>(begin - starts[i], 0);
            const std::ptrdiff_t last = std::min(end - starts[i], array.size);
            if (first < last) update_range(optimizer, prepared[array.settings], array, first, last);
        }
    });
}

void run_row_updates(const Optimizer& optimizer, const StepSettings& settings, const RowUpdate& update, double factor) {
    const std::vector<Prepared> prepared = prepare(optimizer, {&settings, 1}, factor);
    const std::ptrdiff_t grain =
        std::max<std::ptrdiff_t>(elements_per_thread / std::max<std::ptrdiff_t>(update.row.size, 1), 1);
    parallel_for(std::ssize(update.rows), grain, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const FloatingPointGuard guard;
        for (const RowGradients& gradients : update.rows.subspan(begin, end - begin)) {
            ArrayUpdate row = update.row;
            row.operands.first = gradients.row * update.row.size;
            for_each_operand(optimizer, row.operands, [&](Operand& operand, std::size_t number) {
                operand.data += (&operand == &row.operands.gradient ? gradients.given[0] : gradients.row) *
                                update.row_strides[number];
            });
            if (gradients.given.size() == 1)
                update_range(optimizer, prepared[0], row, 0, row.size);
            else
                update_row(optimizer, prepared[0], row, gradients.given, update.row_strides[1]);
        }
    });
}

}  // namespace npfuse::runtime
