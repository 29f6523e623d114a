// When all threads work on one row, and what they need for it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "runtime/thread_pool.h"
#include "table.h"

namespace npfuse::runtime {

// Of fewer rows than threads, each long enough to be worth their while.
class SharedRows {
public:
    SharedRows(std::ptrdiff_t rows, std::ptrdiff_t n) {
        if (rows >= useful_threads() || n < fewest_numbers) return;
        const std::size_t size = run_buffer_size * static_cast<std::size_t>(run_count(n));
        buffer_.reset(new (std::nothrow) std::byte[size]);
        sharing_ = {share, buffer_.get()};
    }

    // Null where rows are not shared, or there is no memory for it.
    const RunSharing* sharing() const { return buffer_ ? &sharing_ : nullptr; }

private:
    // Each pass over a row wakes the threads anew.
    static constexpr std::ptrdiff_t numbers_per_thread = 32768, fewest_numbers = 8 * numbers_per_thread;

    static void share(std::ptrdiff_t count, void (*body)(void*, std::ptrdiff_t, std::ptrdiff_t), void* context) {
        parallel_for(count, numbers_per_thread / run_length,
                     [=](std::ptrdiff_t first, std::ptrdiff_t last) { body(context, first, last); });
    }

    std::unique_ptr<std::byte[]> buffer_;
    RunSharing sharing_ = {};
};

}  // namespace npfuse::runtime
