#include "runtime/losses.h"

#include <algorithm>
#include <vector>

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"

namespace npfuse::runtime {

double run_loss(const Loss& loss, const LossCall& call, std::ptrdiff_t n) {
    const KernelTable& table = active_table();
    const LossLoop loop = call.inputs[0].number == Number::float64 ? table.losses_float64 : table.losses_float32;
    if (n <= loss_block_length) {
        FloatingPointGuard guard;
        return loop(loss, call, 0, n);
    }
    const std::ptrdiff_t blocks = (n + loss_block_length - 1) / loss_block_length;
    std::vector<double> sums(static_cast<std::size_t>(blocks));
    parallel_for(blocks, 1, [&](std::ptrdiff_t first, std::ptrdiff_t last) {
        FloatingPointGuard guard;
        for (std::ptrdiff_t i = first; i < last; ++i) {
            const std::ptrdiff_t begin = i * loss_block_length;
            sums[static_cast<std::size_t>(i)] = loop(loss, call, begin, std::min(begin + loss_block_length, n));
        }
    });
    FloatingPointGuard guard;
    double total = 0.0;
    for (const double sum : sums) total += sum;
    return total;
}

}  // namespace npfuse::runtime
