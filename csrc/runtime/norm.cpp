#include "runtime/norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"

namespace npfuse::runtime {

namespace {

// Each array is summed in blocks of this length, and the blocks are added in order.
constexpr std::ptrdiff_t block_length = 8192;
constexpr std::ptrdiff_t blocks_per_thread = 4;

double sum_of_block(const NormArray& array, std::ptrdiff_t block, double factor) {
    const auto add_squares = active_table().add_squares;
    const std::ptrdiff_t begin = block * block_length, end = std::min(begin + block_length, array.size);
    double lanes[norm_lanes] = {};
    Operand operand = array.operand;
    if (array.walk == nullptr) {
        operand.data += begin * operand.stride;
        add_squares(operand, factor, 0, end - begin, lanes);
    } else {
        std::ptrdiff_t first = 0;
        operand.stride = array.walk->run_stride(0);
        array.walk->for_each_run(begin, end, [&](const Walk::Bytes& offsets, std::ptrdiff_t n) {
            operand.data = array.operand.data + offsets[0];
            add_squares(operand, factor, first, n, lanes);
            first += n;
        });
    }
    for (int half = norm_lanes / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

double sum_of_squares(std::span<const NormArray> arrays, double factor) {
    std::vector<std::ptrdiff_t> first_blocks;
    std::ptrdiff_t blocks = 0;
    for (const NormArray& array : arrays) {
        first_blocks.push_back(blocks);
        blocks += (array.size + block_length - 1) / block_length;
    }
    std::vector<double> sums(blocks);
    parallel_for(blocks, blocks_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const FloatingPointGuard guard;
        std::size_t i = std::upper_bound(first_blocks.begin(), first_blocks.end(), begin) - first_blocks.begin() - 1;
        for (std::ptrdiff_t block = begin; block < end; ++block) {
            while (i + 1 < arrays.size() && first_blocks[i + 1] <= block) ++i;
            sums[block] = sum_of_block(arrays[i], block - first_blocks[i], factor);
        }
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

}  // namespace

double global_norm(std::span<const NormArray> arrays) {
    // The squares of what float32 holds fit a double, those of very large or small doubles do not.
    constexpr double smallest = 0x1p-900, down = 0x1p-540, up = 0x1p540;
    const bool has_doubles = std::any_of(
        arrays.begin(), arrays.end(), [](const NormArray& array) { return array.operand.storage == Storage::float64; });
    const double sum = sum_of_squares(arrays, 1);
    if (has_doubles && std::isinf(sum)) return std::sqrt(sum_of_squares(arrays, down)) / down;
    if (has_doubles && sum < smallest) return std::sqrt(sum_of_squares(arrays, up)) / up;
    return std::sqrt(sum);
}

}  // namespace npfuse::runtime
