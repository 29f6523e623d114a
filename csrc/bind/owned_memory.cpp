#include "owned_memory.h"

#include <algorithm>

#include "runtime/overlap.h"

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

// Of arrays whose extents meet. The exact answer may take for ever; where it takes long, the answer is yes.
bool share_memory(PyArrayObject* a, PyArrayObject* b) {
    constexpr int max_work = 100000;
    const py::handle x(reinterpret_cast<PyObject*>(a)), y(reinterpret_cast<PyObject*>(b));
    try {
        return py::module_::import("numpy").attr("shares_memory")(x, y, max_work).cast<bool>();
    } catch (const py::error_already_set& error) {
        if (error.matches(PyExc_RuntimeError)) return true;  // numpy.exceptions.TooHardError
        throw;
    }
}

bool overlaps_itself(PyArrayObject* array) {
    const std::size_t dimensions = PyArray_NDIM(array);
    return runtime::may_overlap_itself({PyArray_BYTES(array),
                                        PyArray_ITEMSIZE(array),
                                        {PyArray_DIMS(array), dimensions},
                                        {PyArray_STRIDES(array), dimensions}});
}

}  // namespace

void OwnedMemory::add(PyArrayObject* array, const std::string& name) {
    if (overlaps_itself(array)) throw py::value_error(name + ": its elements share memory with each other");
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

const std::string* OwnedMemory::sharing_with(PyArrayObject* array) const {
    const Extent extent = extent_of(array);
    if (extent.begin == extent.end) return nullptr;
    const auto after = std::lower_bound(by_begin_.begin(), by_begin_.end(), extent.end,
                                        [](const Owned& owned, const char* end) { return owned.begin < end; });
    for (auto i = after; i != by_begin_.begin() && (i - 1)->furthest_end > extent.begin;) {
        --i;
        if (i->end > extent.begin && i->end > i->begin && share_memory(array, i->array)) return &i->name;
    }
    return nullptr;
}

}  // namespace npfuse::bind
