#include "runtime/overlap.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "loss_table.h"

namespace npfuse::runtime {

namespace {

bool is_empty(const MemoryLayout& array) { return std::ranges::find(array.shape, 0) != array.shape.end(); }

// All elements lie in [begin, end).
struct Extent {
    std::intptr_t begin, end;
};

Extent extent_of(const MemoryLayout& array) {
    Extent extent{reinterpret_cast<std::intptr_t>(array.data), reinterpret_cast<std::intptr_t>(array.data)};
    extent.end += array.item_size;
    for (std::size_t d = 0; d < array.shape.size(); ++d) {
        const std::ptrdiff_t reach = (array.shape[d] - 1) * array.strides[d];
        (reach < 0 ? extent.begin : extent.end) += reach;
    }
    return extent;
}

bool has_same_elements(const MemoryLayout& a, const MemoryLayout& b) {
    if (a.data != b.data || a.item_size != b.item_size || !std::ranges::equal(a.shape, b.shape)) return false;
    for (std::size_t d = 0; d < a.shape.size(); ++d)
        if (a.shape[d] > 1 && a.strides[d] != b.strides[d]) return false;
    return true;
}

// Every element of both arrays starts at a multiple of the common divisor of their strides from its array's start, so
// arrays whose starts differ by enough, modulo that divisor, never meet.
bool is_interleaved(const MemoryLayout& a, const MemoryLayout& b) {
    std::ptrdiff_t divisor = 0;
    for (const MemoryLayout* array : {&a, &b})
        for (std::size_t d = 0; d < array->shape.size(); ++d)
            if (array->shape[d] > 1) divisor = std::gcd(divisor, array->strides[d]);
    if (divisor == 0) return false;
    const std::ptrdiff_t offset = ((b.data - a.data) % divisor + divisor) % divisor;
    return offset >= a.item_size && offset + b.item_size <= divisor;
}

}  // namespace

Overlap overlap_of(const MemoryLayout& output, const MemoryLayout& input) {
    if (is_empty(output) || is_empty(input)) return Overlap::separate;
    const Extent a = extent_of(output), b = extent_of(input);
    if (a.end <= b.begin || b.end <= a.begin || is_interleaved(output, input)) return Overlap::separate;
    return has_same_elements(output, input) && !may_overlap_itself(output) ? Overlap::in_place : Overlap::partial;
}

// Each dimension, from the one of the smallest stride on, must step over everything before it. That holds for whatever
// indexing and transposing give.
bool may_overlap_itself(const MemoryLayout& array) {
    if (is_empty(array)) return false;
    std::pair<std::ptrdiff_t, std::ptrdiff_t> sorted[max_dimensions];  // strides and lengths
    std::size_t count = 0;
    for (std::size_t d = 0; d < array.shape.size(); ++d)
        if (array.shape[d] > 1) sorted[count++] = {std::abs(array.strides[d]), array.shape[d]};
    std::sort(sorted, sorted + count);
    std::ptrdiff_t reach = array.item_size;
    for (std::size_t d = 0; d < count; ++d) {
        const auto& [stride, length] = sorted[d];
        if (stride < reach) return true;
        reach += stride * (length - 1);
    }
    return false;
}

}  // namespace npfuse::runtime
