// The memory that an optimizer writes to: that no two of its arrays share any, nor a gradient with any of them.
#pragma once

#include <string>
#include <vector>

#include "numpy.h"

namespace npfuse::bind {

class OwnedMemory {
public:
    // The array must live as long as this does. Throws ValueError where elements of the array share memory among each
    // other. Takes effect with the next call of settle().
    void add(PyArrayObject* array, const std::string& name);

    // Throws ValueError where two arrays share memory.
    void settle();

    // The name of an array that shares memory with this one, or nullptr.
    const std::string* sharing_with(PyArrayObject* array) const;

private:
    struct Owned {
        const char *begin, *end;  // all elements lie between
        PyArrayObject* array;
        std::string name;
        const char* furthest_end;  // of this one and all before it
    };

    std::vector<Owned> by_begin_;
};

}  // namespace npfuse::bind
