#include "owned_memory.h"

#include <algorithm>
#include <cstdlib>

#include "operand.h"

namespace npfuse::bind {

namespace {

struct Extent {
    const char *begin, *end;
};

Extent extent_of(PyArrayObject* array) {
    const char* data = PyArray_BYTES(array);
    if (PyArray_SIZE(array) == 0) return {data, data};
    Extent extent{data, data + PyArray_ITEMSIZE(array)};
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
        const npy_intp reach = (PyArray_DIM(array, d) - 1) * PyArray_STRIDE(array, d);
        (reach < 0 ? extent.begin : extent.end) += reach;
    }
    return extent;
}

bool share_memory(PyArrayObject* a, PyArrayObject* b) {
    const py::handle x(reinterpret_cast<PyObject*>(a)), y(reinterpret_cast<PyObject*>(b));
    return py::module_::import("numpy").attr("shares_memory")(x, y).cast<bool>();
}

// Each dimension, from the one of the smallest stride on, must step over everything before it. That holds for whatever
// indexing and transposing give; what it refuses comes from broadcast_to and as_strided.
bool may_overlap_itself(PyArrayObject* array) {
    std::vector<std::pair<npy_intp, npy_intp>> dimensions;
    for (int d = 0; d < PyArray_NDIM(array); ++d)
        if (PyArray_DIM(array, d) > 1)
            dimensions.emplace_back(std::abs(PyArray_STRIDE(array, d)), PyArray_DIM(array, d));
    std::sort(dimensions.begin(), dimensions.end());
    npy_intp reach = PyArray_ITEMSIZE(array);
    for (const auto& [stride, length] : dimensions) {
        if (stride < reach) return true;
        reach += stride * (length - 1);
    }
    return false;
}

}  // namespace

void OwnedMemory::add(PyArrayObject* array, const std::string& name) {
    if (PyArray_SIZE(array) > 0 && may_overlap_itself(array))
        throw py::value_error(name + ": its elements share memory with each other");
    const Extent extent = extent_of(array);
    by_begin_.push_back({extent.begin, extent.end, array, name, nullptr});
}

void OwnedMemory::settle() {
    std::stable_sort(by_begin_.begin(), by_begin_.end(),
                     [](const Owned& a, const Owned& b) { return a.begin < b.begin; });
    const char* furthest_end = nullptr;
    for (std::size_t i = 0; i < by_begin_.size(); ++i) {
        Owned& owned = by_begin_[i];
        for (std::size_t j = i; j-- > 0 && by_begin_[j].furthest_end > owned.begin;)
            if (by_begin_[j].end > owned.begin && owned.end > owned.begin &&
                share_memory(by_begin_[j].array, owned.array))
                throw py::value_error(owned.name + " shares memory with " + by_begin_[j].name);
        furthest_end = std::max(furthest_end, owned.end);
        owned.furthest_end = furthest_end;
    }
}

const std::string* OwnedMemory::sharing_with(PyArrayObject* array, PyArrayObject* itself) const {
    const Extent extent = extent_of(array);
    const auto after = std::lower_bound(by_begin_.begin(), by_begin_.end(), extent.end,
                                        [](const Owned& owned, const char* end) { return owned.begin < end; });
    for (auto i = after; i != by_begin_.begin() && (i - 1)->furthest_end > extent.begin;) {
        --i;
        if (i->end <= extent.begin || extent.begin == extent.end) continue;
        const bool same_elements =
            i->array == itself && PyArray_DATA(array) == PyArray_DATA(itself) &&
            PyArray_TYPE(array) == PyArray_TYPE(itself) &&
            std::equal(PyArray_STRIDES(array), PyArray_STRIDES(array) + PyArray_NDIM(array), PyArray_STRIDES(itself));
        if (!same_elements && share_memory(array, i->array)) return &i->name;
    }
    return nullptr;
}

}  // namespace npfuse::bind
