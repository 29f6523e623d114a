#include "runtime/losses.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/shared_rows.h"
#include "runtime/thread_pool.h"
#include "summation.h"

namespace npfuse::runtime {

namespace {

// Blocks of a fixed length, whoever computes them, and their sums in order.
template <class SumOfBlock>
double sum_over_blocks(std::ptrdiff_t n, std::ptrdiff_t block, SumOfBlock sum_of_block) {
    if (n <= block) {
        FloatingPointGuard guard;
        return n == 0 ? 0.0 : sum_of_block(0, n);
    }
    std::vector<double> sums(static_cast<std::size_t>((n + block - 1) / block));
    parallel_for(std::ssize(sums), 1, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        FloatingPointGuard guard;
        for (std::ptrdiff_t i = first; i < last; ++i)
            sums[static_cast<std::size_t>(i)] = sum_of_block(i * block, std::min((i + 1) * block, n));
    });
    FloatingPointGuard guard;
    double total = 0.0;
    for (const double sum : sums) total += sum;
    return total;
}

// The same over rows, in blocks of about as many numbers. A block of long rows is shared out row by row, or each row
// among all threads, which adds the same numbers in the same order.
template <class SumOfRows>
double sum_over_rows(std::ptrdiff_t rows, std::ptrdiff_t classes, SumOfRows sum_of_rows) {
    if (rows == 0 || classes == 0) return 0.0;
    const std::ptrdiff_t block = rows_per_loss_block(classes);
    if (block > row_loss_tile)
        return sum_over_blocks(
            rows, block, [&](std::ptrdiff_t first, std::ptrdiff_t last) { return sum_of_rows(first, last, nullptr); });
    std::vector<double> sums(static_cast<std::size_t>(rows));
    const SharedRows shared(rows, classes);
    const auto sum_each = [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        FloatingPointGuard guard;
        for (std::ptrdiff_t row = first; row < last; ++row)
            sums[static_cast<std::size_t>(row)] = sum_of_rows(row, row + 1, shared.sharing());
    };
    if (shared.sharing())
        sum_each(0, rows);
    else
        parallel_for(rows, loss_block_length / classes + 1, sum_each);
    return sum_over_blocks(rows, block, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        double sum = 0.0;
        for (std::ptrdiff_t row = first; row < last; ++row) sum += sums[static_cast<std::size_t>(row)];
        return sum;
    });
}

bool is_direct(const RowView& rows) {
    return rows.starts.data == nullptr || (rows.starts.dtype == DType::float32 && rows.stride == sizeof(float)) ||
           (rows.starts.dtype == DType::float64 && rows.stride == sizeof(double));
}

// Where rows that are not contiguous in the computing type are copied to. The calling thread's is there before anything
// is written; another thread that finds no memory for one of its own waits until it is free.
class RowTiles {
public:
    // Throws std::bad_alloc.
    RowTiles(const RowLossCall& call, std::ptrdiff_t item_size) {
        if (is_direct(call.pred) && is_direct(call.gradient)) return;
        const std::ptrdiff_t row_size = item_size * std::max<std::ptrdiff_t>(call.classes, 1);
        rows_ = std::clamp<std::ptrdiff_t>(scratch_limit / row_size, 1, row_loss_tile);
        size_ = static_cast<std::size_t>(rows_ * row_size);
        shared_.reset(new char[size_]);
    }

    // Calls body(tile, rows) with memory for so many rows.
    template <class Body>
    double with_tile(Body body) {
        if (size_ == 0) return body(nullptr, row_loss_tile);
        if (!is_shared_in_use_.exchange(true)) {
            const double result = body(shared_.get(), rows_);
            is_shared_in_use_.store(false);
            return result;
        }
        const std::unique_ptr<char[]> own(new (std::nothrow) char[size_]);
        if (own) return body(own.get(), rows_);
        while (is_shared_in_use_.exchange(true)) std::this_thread::yield();
        const double result = body(shared_.get(), rows_);
        is_shared_in_use_.store(false);
        return result;
    }

private:
    std::ptrdiff_t rows_ = row_loss_tile;
    std::size_t size_ = 0;
    std::unique_ptr<char[]> shared_;
    std::atomic<bool> is_shared_in_use_{false};
};

}  // namespace

double run_loss(const Loss& loss, const LossCall& call, std::ptrdiff_t n) {
    const LossTable& table = active_table().losses;
    const LossLoop loop = call.inputs[0].dtype == DType::float64 ? table.float64 : table.float32;
    return sum_over_blocks(n, loss_block_length,
                           [&](std::ptrdiff_t begin, std::ptrdiff_t end) { return loop(loss, call, begin, end); });
}

double run_row_loss(const RowLoss& loss, const RowLossCall& call, std::ptrdiff_t rows) {
    const bool in_double = call.pred.starts.dtype == DType::float64;
    const RowLossLoop loop = in_double ? loss.float64 : loss.float32;
    RowTiles tiles(call, in_double ? sizeof(double) : sizeof(float));
    return sum_over_rows(rows, call.classes, [&](std::ptrdiff_t begin, std::ptrdiff_t end, const RunSharing* sharing) {
        return tiles.with_tile(
            [&](void* tile, std::ptrdiff_t tile_rows) { return loop(call, begin, end, tile, tile_rows, sharing); });
    });
}

double weigh_probabilities(const RowLossCall& call, std::ptrdiff_t rows) {
    const RowLossLoop loop = active_table().row_losses.weights_of_probabilities;
    return sum_over_rows(rows, call.classes, [&](std::ptrdiff_t begin, std::ptrdiff_t end, const RunSharing* sharing) {
        return loop(call, begin, end, nullptr, row_loss_tile, sharing);
    });
}

double min_reduce(const View& view, std::ptrdiff_t n) {
    const MinReduceLoop loop = active_table().losses.min_reduce;
    std::vector<double> of_blocks(static_cast<std::size_t>((n + loss_block_length - 1) / loss_block_length));
    parallel_for(std::ssize(of_blocks), 1, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        FloatingPointGuard guard;
        for (std::ptrdiff_t i = first; i < last; ++i)
            of_blocks[static_cast<std::size_t>(i)] =
                loop(view, i * loss_block_length, std::min((i + 1) * loss_block_length, n));
    });
    double result = std::numeric_limits<double>::infinity();
    for (const double x : of_blocks) result = x < result ? x : result;
    return result;
}

}  // namespace npfuse::runtime
