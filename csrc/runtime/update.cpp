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
    const PreparedUpdate& for_storage(Storage storage) const { return storage == Storage::float64 ? float64 : float32; }
};

std::vector<Prepared> prepare(const Optimizer& optimizer, std::span<const StepSettings> settings) {
    const FloatingPointGuard guard;
    std::vector<Prepared> prepared(settings.size());
    for (std::size_t i = 0; i < settings.size(); ++i) {
        optimizer.float32.prepare(settings[i].common, settings[i].own, prepared[i].float32);
        optimizer.float64.prepare(settings[i].common, settings[i].own, prepared[i].float64);
    }
    return prepared;
}

// Calls f(operand, its number in the walk) for the parameter, the gradient and the states.
template <class F>
void for_each_operand(const Optimizer& optimizer, UpdateOperands& operands, F&& f) {
    f(operands.parameter, std::size_t{0});
    f(operands.gradient, std::size_t{1});
    for (std::size_t k = 0; k < optimizer.states.count; ++k) f(operands.states[k], 2 + k);
}

void update_range(const Optimizer& optimizer, const Prepared& prepared, const ArrayUpdate& array, std::ptrdiff_t begin,
                  std::ptrdiff_t end) {
    const Storage storage = array.operands.parameter.storage;
    const UpdateLoop loop = active_table().update[static_cast<int>(storage)];
    const PreparedUpdate& by = prepared.for_storage(storage);
    UpdateOperands operands = array.operands;
    if (array.walk == nullptr) {
        for_each_operand(optimizer, operands,
                         [&](Operand& operand, std::size_t) { operand.data += begin * operand.stride; });
        loop(optimizer, by, operands, end - begin);
        return;
    }
    array.walk->for_each_run(begin, end, [&](const Walk::Bytes& offsets, std::ptrdiff_t n) {
        operands = array.operands;
        for_each_operand(optimizer, operands, [&](Operand& operand, std::size_t number) {
            operand.data += offsets[number];
            operand.stride = array.walk->run_stride(number);
        });
        loop(optimizer, by, operands, n);
    });
}

}  // namespace

void run_updates(const Optimizer& optimizer, std::span<const StepSettings> settings,
                 std::span<const ArrayUpdate> arrays) {
    const std::vector<Prepared> prepared = prepare(optimizer, settings);

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

}  // namespace npfuse::runtime
