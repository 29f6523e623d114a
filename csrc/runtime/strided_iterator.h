// The way through several arrays of one shape whose elements need not lie in a common order.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace npfuse::runtime {

// Element k of each array meets element k of the others, over as few dimensions as the arrays together allow.
class StridedIterator {
public:
    static constexpr std::size_t max_arrays = 8;
    using Bytes = std::array<std::ptrdiff_t, max_arrays>;  // for each array

    // In the order of the first array's memory, which is the quickest, or of its indices.
    enum class Order { memory, index };

    // strides[a][d] is array a's stride along dimension d, in bytes.
    StridedIterator(std::span<const std::ptrdiff_t> shape, std::span<const std::ptrdiff_t* const> strides, Order order);

    // Array a's stride along a run.
    std::ptrdiff_t run_stride(std::size_t a) const { return dimensions_.back().strides[a]; }

    // Calls run(offsets, n) for runs that together are the elements [begin, end): offsets[a] is where the run starts in
    // array a, in bytes.
    template <class F>
    void for_each_run(std::ptrdiff_t begin, std::ptrdiff_t end, F&& run) const {
        const std::ptrdiff_t length = dimensions_.back().length;
        Bytes offsets;
        while (begin < end) {
            const std::ptrdiff_t n = std::min(end - begin, length - begin % length);
            locate(begin, offsets);
            run(offsets, n);
            begin += n;
        }
    }

private:
    struct Dimension {
        std::ptrdiff_t length;
        Bytes strides;
    };

    void locate(std::ptrdiff_t element, Bytes& offsets) const;

    std::vector<Dimension> dimensions_;  // the innermost is the last
};

}  // namespace npfuse::runtime
