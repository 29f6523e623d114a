#include "runtime/norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"
#include "summation.h"

namespace npfuse::runtime {

namespace {

constexpr std::ptrdiff_t blocks_per_thread = 4;

// Below this many numbers a second thread costs more than it saves.
constexpr std::ptrdiff_t numbers_per_thread = 16384;

double sum_of_block(const NormArray& array, std::ptrdiff_t block, double factor) {
    const auto add_squares = active_table().optimizers.add_squares;
    const std::ptrdiff_t begin = block * norm_block_length, end = std::min(begin + norm_block_length, array.size);
    double lanes[norm_lanes] = {};
    Operand operand = array.operand;
    if (array.iterator == nullptr) {
        operand.data += begin * operand.stride;
        add_squares(operand, factor, 0, end - begin, lanes);
    } else {
        std::ptrdiff_t first = 0;
        operand.stride = array.iterator->run_stride(0);
        array.iterator->for_each_run(begin, end, [&](const StridedIterator::Bytes& offsets, std::ptrdiff_t n) {
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
        blocks += (array.size + norm_block_length - 1) / norm_block_length;
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

void scale_array(const NormArray& array, double factor) {
    const ScaleLoop scale = active_table().optimizers.scale[static_cast<int>(array.operand.storage)];
    parallel_for(array.size, numbers_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const FloatingPointGuard guard;
        Operand operand = array.operand;
        if (array.iterator == nullptr) {
            operand.data += begin * operand.stride;
            return scale(operand, factor, end - begin);
        }
        operand.stride = array.iterator->run_stride(0);
        array.iterator->for_each_run(begin, end, [&](const StridedIterator::Bytes& offsets, std::ptrdiff_t n) {
            operand.data = array.operand.data + offsets[0];
            scale(operand, factor, n);
        });
    });
}

// Never inlined: arithmetic that the compiler sees could leave the guarded region.

[[gnu::noinline]] double guarded_norm(std::span<const NormArray> arrays) {
    const bool has_doubles = std::any_of(
        arrays.begin(), arrays.end(), [](const NormArray& array) { return array.operand.storage == DType::float64; });
    return norm_of(has_doubles, [&](double factor) { return sum_of_squares(arrays, factor); });
}

[[gnu::noinline]] double guarded_quotient(double a, double b) { return a / b; }

[[gnu::noinline]] std::optional<double> guarded_clipped_factor(double factor, double norm, double max_norm) {
    const double scaled = norm * std::abs(factor);
    if (std::isfinite(norm) && scaled > max_norm) return std::copysign(max_norm / norm, factor);
    if (!std::isfinite(scaled)) return std::nullopt;
    return factor;
}

}  // namespace

double global_norm(std::span<const NormArray> arrays) {
    const FloatingPointGuard guard;
    return guarded_norm(arrays);
}

double clip_by_global_norm(std::span<const NormArray> arrays, double max_norm) {
    const FloatingPointGuard guard;
    const double norm = guarded_norm(arrays);
    if (std::isfinite(norm) && norm > max_norm) {
        const double factor = guarded_quotient(max_norm, norm);
        for (const NormArray& array : arrays) scale_array(array, factor);
    }
    return norm;
}

std::optional<double> clipped_factor(double factor, double norm, double max_norm) {
    const FloatingPointGuard guard;
    return guarded_clipped_factor(factor, norm, max_norm);
}

}  // namespace npfuse::runtime
