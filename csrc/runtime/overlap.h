// Whether a call may write its output while it reads an input: one rule for every family of operations, on CPU and GPU.
#pragma once

#include <cstddef>
#include <span>

namespace npfuse::runtime {

// Where the elements of an array are. Strides are in bytes.
struct MemoryLayout {
    const char* data;
    std::ptrdiff_t item_size;
    std::span<const std::ptrdiff_t> shape;
    std::span<const std::ptrdiff_t> strides;
};

enum class Overlap {
    separate,  // no byte in common: the output may be written at any time
    in_place,  // element k of one is element k of the other: written after it was read
    partial,   // anything else: the result goes through a buffer
};

// Exact for separate arrays whose extents do not meet and for interleaved ones (x[::2] and x[1::2]); where it is hard
// to tell, partial.
Overlap overlap_of(const MemoryLayout& output, const MemoryLayout& input);

// Whether an array's elements may share memory with each other, as those of np.broadcast_to and of as_strided do.
bool may_overlap_itself(const MemoryLayout& array);

}  // namespace npfuse::runtime
