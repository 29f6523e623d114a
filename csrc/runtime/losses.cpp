#include "runtime/losses.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"
#include "summation.h"

namespace npfuse::runtime {

namespace {

// Blocks of a fixed length, whoever computes them, and their sums in order. start() opens a thread's share of the work
// and gives the function that computes a block.
template <class Start>
double sum_over_blocks(std::ptrdiff_t n, std::ptrdiff_t block, Start start) {
    if (n <= block) {
        auto sum_of_block = start();
        FloatingPointGuard guard;
        return sum_of_block(0, n);
    }
    std::vector<double> sums(static_cast<std::size_t>((n + block - 1) / block));
    parallel_for(std::ssize(sums), 1, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        auto sum_of_block = start();
        FloatingPointGuard guard;
        for (std::ptrdiff_t i = first; i < last; ++i)
            sums[static_cast<std::size_t>(i)] = sum_of_block(i * block, std::min((i + 1) * block, n));
    });
    FloatingPointGuard guard;
    double total = 0.0;
    for (const double sum : sums) total += sum;
    return total;
}

bool is_direct(const RowView& rows) {
    return rows.starts.data == nullptr || (rows.starts.number == Number::float32 && rows.stride == sizeof(float)) ||
           (rows.starts.number == Number::float64 && rows.stride == sizeof(double));
}

bool needs_tile(const RowLossCall& call) { return !is_direct(call.pred) || !is_direct(call.gradient); }

}  // namespace

double run_loss(const Loss& loss, const LossCall& call, std::ptrdiff_t n) {
    const KernelTable& table = active_table();
    const LossLoop loop = call.inputs[0].number == Number::float64 ? table.losses_float64 : table.losses_float32;
    return sum_over_blocks(n, loss_block_length, [&] {
        return [&](std::ptrdiff_t begin, std::ptrdiff_t end) { return loop(loss, call, begin, end); };
    });
}

double run_row_loss(const RowLoss& loss, const RowLossCall& call, std::ptrdiff_t rows) {
    const bool in_double = call.pred.starts.number == Number::float64;
    const RowLossLoop loop = in_double ? loss.float64 : loss.float32;
    const std::size_t tile_size = needs_tile(call) ? static_cast<std::size_t>(row_loss_tile * call.classes) *
                                                         (in_double ? sizeof(double) : sizeof(float))
                                                   : 0;
    std::atomic<bool> out_of_memory = false;
    const double sum = sum_over_blocks(rows, rows_per_loss_block(call.classes), [&] {
        std::unique_ptr<char[]> tile(tile_size ? new (std::nothrow) char[tile_size] : nullptr);
        const bool ready = tile || tile_size == 0;
        if (!ready) out_of_memory = true;
        return [&, ready, tile = std::move(tile)](std::ptrdiff_t begin, std::ptrdiff_t end) {
            return ready ? loop(call, begin, end, tile.get()) : 0.0;
        };
    });
    if (out_of_memory) throw std::bad_alloc();
    return sum;
}

double weigh_probabilities(const RowLossCall& call, std::ptrdiff_t rows) {
    const RowLossLoop loop = active_table().weights_of_probabilities;
    return sum_over_blocks(rows, rows_per_loss_block(call.classes), [&] {
        return [&](std::ptrdiff_t begin, std::ptrdiff_t end) { return loop(call, begin, end, nullptr); };
    });
}

double smallest(const View& view, std::ptrdiff_t n) {
    const SmallestLoop loop = active_table().smallest;
    std::vector<double> of_blocks(static_cast<std::size_t>((n + loss_block_length - 1) / loss_block_length));
    parallel_for(std::ssize(of_blocks), 1, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        FloatingPointGuard guard;
        for (std::ptrdiff_t i = first; i < last; ++i)
            of_blocks[static_cast<std::size_t>(i)] =
                loop(view, i * loss_block_length, std::min((i + 1) * loss_block_length, n));
    });
    double result = std::numeric_limits<double>::infinity();
    for (const double x : of_blocks) result = x < result || x != x ? x : result;
    return result;
}

}  // namespace npfuse::runtime
