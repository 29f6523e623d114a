// One call of an elementwise kernel, and whether its elements may be computed in any order.
#pragma once

#include <cstddef>

#include "table.h"

namespace npfuse::runtime {

constexpr std::ptrdiff_t stored_size(DType storage) {
    switch (storage) {
        case DType::float64:
            return 8;
        case DType::float32:
            return 4;
        default:
            return 2;
    }
}

// Of all operands but parameters, and of these.
constexpr std::ptrdiff_t stored_size(CallStorage storage) {
    return storage == CallStorage::float64 ? 8 : storage == CallStorage::float32 ? 4 : 2;
}
constexpr std::ptrdiff_t stored_parameter_size(CallStorage storage) {
    const bool is_mixed = storage == CallStorage::float16_with_float32 || storage == CallStorage::bfloat16_with_float32;
    return is_mixed ? 4 : stored_size(storage);
}

// Operands some elements further on.
struct Shifted {
    char* operands[max_operands];
    Shifted(char* const* from, const std::ptrdiff_t* strides, int count, std::ptrdiff_t steps) {
        for (int i = 0; i < count; ++i) operands[i] = from[i] + steps * strides[i];
    }
};

// NumPy copies operands that overlap, except in two cases, where it relies on elements being computed in order: an
// input that is always read before it is overwritten, as in f(x[1:], out=x[:-1]), and reduce and accumulate, where each
// element needs the result of the one before.
class ElementwiseCall {
public:
    ElementwiseCall(const Elementwise& kernel, CallStorage storage, char* const* operands,
                    const std::ptrdiff_t* strides, std::ptrdiff_t n);

    // Whether no element's result is another element's input.
    bool is_independent() const {
        for (int output = kernel_.inputs; output < kernel_.inputs + kernel_.outputs; ++output)
            for (int input = 0; input < kernel_.inputs; ++input)
                if (!is_in_place(output, input) && extents_meet(output, input) && overlaps(output, input)) return false;
        return true;
    }

    // Elements [begin, end) in any order.
    void run(std::ptrdiff_t begin, std::ptrdiff_t end) const {
        const Shifted shifted(operands_, strides_, kernel_.inputs + kernel_.outputs, begin);
        loop_(kernel_, shifted.operands, strides_, end - begin);
    }

    void run_all() const { loop_(kernel_, operands_, strides_, n_); }
    void run_in_order() const;

private:
    bool is_in_place(int output, int input) const {
        return operands_[output] == operands_[input] && strides_[output] == strides_[input] && strides_[output] != 0;
    }
    bool extents_meet(int output, int input) const {
        return begin_of(output) < end_of(input) && begin_of(input) < end_of(output);
    }
    const char* begin_of(int i) const { return operands_[i] + (strides_[i] < 0 ? (n_ - 1) * strides_[i] : 0); }
    const char* end_of(int i) const {
        return operands_[i] + (strides_[i] > 0 ? (n_ - 1) * strides_[i] : 0) + item_size(i);
    }

    std::ptrdiff_t item_size(int i) const {
        const bool is_parameter = kernel_.inputs - kernel_.parameters <= i && i < kernel_.inputs;
        return is_parameter ? parameter_size_ : item_size_;
    }

    bool overlaps(int output, int input) const;
    bool reads_ahead() const;
    void run_in_blocks() const;

    const Elementwise& kernel_;
    const ElementwiseLoop loop_;
    const std::ptrdiff_t item_size_, parameter_size_;
    char* const* const operands_;
    const std::ptrdiff_t* const strides_;
    const std::ptrdiff_t n_;
};

}  // namespace npfuse::runtime
