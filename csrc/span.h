#pragma once

#include <cstddef>

namespace npfuse {

// A constant array and its length.
template <class T>
struct Span {
    const T* first;
    std::size_t count;
    const T* begin() const { return first; }
    const T* end() const { return first + count; }
    const T& operator[](std::size_t i) const { return first[i]; }
};

}  // namespace npfuse
