#include "runtime/strided_iterator.h"

#include <cstdlib>

namespace npfuse::runtime {

StridedIterator::StridedIterator(std::span<const std::ptrdiff_t> shape, std::span<const std::ptrdiff_t* const> strides,
                                 Order order) {
    const std::size_t arrays = strides.size();
    std::vector<Dimension> sorted;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        if (shape[d] == 1) continue;
        Dimension dimension{shape[d], {}};
        for (std::size_t a = 0; a < arrays; ++a) dimension.strides[a] = strides[a][d];
        sorted.push_back(dimension);
    }
    if (order == Order::memory)
        std::stable_sort(sorted.begin(), sorted.end(), [](const Dimension& x, const Dimension& y) {
            return std::abs(x.strides[0]) > std::abs(y.strides[0]);
        });

    for (const Dimension& inner : sorted) {
        const auto continues = [&](const Dimension& outer) {
            for (std::size_t a = 0; a < arrays; ++a)
                if (outer.strides[a] != inner.length * inner.strides[a]) return false;
            return true;
        };
        if (!dimensions_.empty() && continues(dimensions_.back()))
            dimensions_.back() = {dimensions_.back().length * inner.length, inner.strides};
        else
            dimensions_.push_back(inner);
    }
    if (dimensions_.empty()) dimensions_.push_back({1, {}});
}

void StridedIterator::locate(std::ptrdiff_t element, Bytes& offsets) const {
    offsets.fill(0);
    for (auto dimension = dimensions_.rbegin(); dimension != dimensions_.rend(); ++dimension) {
        const std::ptrdiff_t position = element % dimension->length;
        element /= dimension->length;
        for (std::size_t a = 0; a < offsets.size(); ++a) offsets[a] += position * dimension->strides[a];
    }
}

}  // namespace npfuse::runtime
