// Where work is put: a device and a stream of it.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../../bind/gil.h"
#include "../table.h"

namespace npfuse::device::bind {

namespace py = pybind11;

using Address = std::uintptr_t;

inline void* at(Address address) { return reinterpret_cast<void*>(address); }

using npfuse::bind::ReleasedGil;

// For functions that use no Python object. Starting a kernel may wait for a place in a stream, whose host functions may
// wait for the GIL.
using WithoutGil = py::call_guard<ReleasedGil>;

struct Place {
    static constexpr Address legacy_default_stream = 1;  // another name of the default stream

    Place(int device, Address stream) : device(device), stream_address(stream == legacy_default_stream ? 0 : stream) {}

    int device;
    Address stream_address;
    Stream stream() const { return at(stream_address); }
};

// Makes a place's device the current one of this thread.
class UsePlace : public Use {
public:
    explicit UsePlace(const Place& place) : Use(place.device, place.stream()) {}
};

// Checks of what Python gives, before anything is started.
inline void require(bool is_right, const char* what) {
    if (!is_right) throw py::value_error(what);
}
inline void check_storage(int storage) {
    if (storage < 0 || storage >= static_cast<int>(floating_dtype_count)) throw py::index_error("no such storage");
}

// What each file of bind/ adds to the module.
void register_memory(py::module_& module);
void register_timing(py::module_& module);
void register_dlpack(py::module_& module);
void register_elementwise(py::module_& module);
void register_rows(py::module_& module);
void register_optimizers(py::module_& module);
void register_matrices(py::module_& module);
void register_losses(py::module_& module);

}  // namespace npfuse::device::bind
