// The segments in which sums are taken, the same for threads and for GPUs: each is summed by itself, then their sums
// are added in order, so that who computes which changes no bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "loss_table.h"
#include "table.h"

namespace npfuse {

// Elements that are summed at once where a number for each row, or for all of an array, is wanted.
inline constexpr std::ptrdiff_t sum_segment = 32768;

// Rows that are summed at once where a number for each column is wanted: a multiple of whole tiles.
inline std::ptrdiff_t rows_per_band(std::ptrdiff_t columns) {
    const std::ptrdiff_t rows = sum_segment / std::max<std::ptrdiff_t>(columns, 1) + 1;
    return (rows + row_tile - 1) / row_tile * row_tile;
}

// Rows of class scores to a block: whole tiles, of about as many elements as a block of an elementwise loss has.
inline std::ptrdiff_t rows_per_loss_block(std::ptrdiff_t classes) {
    const std::ptrdiff_t tiles = loss_block_length / (row_loss_tile * std::max<std::ptrdiff_t>(classes, 1));
    return row_loss_tile * std::max<std::ptrdiff_t>(tiles, 1);
}

// Bytes of scratch that a thread may use.
inline constexpr std::ptrdiff_t scratch_limit = 64 << 20;

// Of a norm.
inline constexpr std::ptrdiff_t norm_block_length = 8192;

// The root of a sum of squares, given what sums them when each number is first multiplied by a factor: the squares of
// what float32 holds fit a double, those of very large or small doubles do not.
template <class SumOfSquares>
double norm_of(bool has_doubles, SumOfSquares sum_of_squares) {
    constexpr double smallest = 0x1p-900, down = 0x1p-540, up = 0x1p540;
    const double sum = sum_of_squares(1.0);
    if (has_doubles && std::isinf(sum)) return std::sqrt(sum_of_squares(down)) / down;
    if (has_doubles && sum < smallest) return std::sqrt(sum_of_squares(up)) / up;
    return std::sqrt(sum);
}

}  // namespace npfuse
