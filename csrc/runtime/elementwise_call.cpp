#include "runtime/elementwise_call.h"

#include <algorithm>
#include <cstring>

#include "runtime/isa.h"
#include "runtime/overlap.h"

namespace npfuse::runtime {

namespace {

// Elements whose inputs are buffered at a time.
constexpr std::ptrdiff_t block_length = 256;

}  // namespace

ElementwiseCall::ElementwiseCall(const Elementwise& kernel, CallStorage storage, char* const* operands,
                                 const std::ptrdiff_t* strides, std::ptrdiff_t n)
    : kernel_(kernel),
      loop_(active_table().activations.elementwise[static_cast<int>(storage)]),
      item_size_(stored_size(storage)),
      parameter_size_(stored_parameter_size(storage)),
      operands_(operands),
      strides_(strides),
      n_(n) {}

bool ElementwiseCall::overlaps(int output, int input) const {
    const auto layout = [&](int i) { return MemoryLayout{operands_[i], item_size(i), {&n_, 1}, {strides_ + i, 1}}; };
    return overlap_of(layout(output), layout(input)) == Overlap::partial;
}

void ElementwiseCall::run_in_order() const {
    if (reads_ahead())
        run_in_blocks();
    else
        for (std::ptrdiff_t i = 0; i < n_; ++i) run(i, i + 1);
}

// Whether every input that overlaps an output is read before the output gets there.
bool ElementwiseCall::reads_ahead() const {
    for (int output = kernel_.inputs; output < kernel_.inputs + kernel_.outputs; ++output) {
        const std::ptrdiff_t step = strides_[output];
        for (int input = 0; input < kernel_.inputs; ++input) {
            if (is_in_place(output, input) || !overlaps(output, input)) continue;
            const bool is_ahead_upwards = strides_[input] >= step && operands_[input] >= operands_[output];
            const bool is_ahead_downwards = strides_[input] <= step && operands_[input] <= operands_[output];
            if (!(step > 0 ? is_ahead_upwards : step < 0 && is_ahead_downwards)) return false;
        }
    }
    return true;
}

// All inputs of a block are copied before its results are written.
void ElementwiseCall::run_in_blocks() const {
    alignas(64) char buffers[max_operands][block_length * sizeof(double)];
    const int operand_count = kernel_.inputs + kernel_.outputs;
    std::ptrdiff_t strides[max_operands];
    std::copy_n(strides_, operand_count, strides);
    for (std::ptrdiff_t begin = 0; begin < n_; begin += block_length) {
        const std::ptrdiff_t count = std::min(block_length, n_ - begin);
        Shifted block(operands_, strides_, operand_count, begin);
        for (int input = 0; input < kernel_.inputs; ++input) {
            if (strides_[input] == 0) continue;
            for (std::ptrdiff_t i = 0; i < count; ++i)
                std::memcpy(buffers[input] + i * item_size(input), block.operands[input] + i * strides_[input],
                            static_cast<std::size_t>(item_size(input)));
            block.operands[input] = buffers[input];
            strides[input] = item_size(input);
        }
        loop_(kernel_, block.operands, strides, count);
    }
}

}  // namespace npfuse::runtime
