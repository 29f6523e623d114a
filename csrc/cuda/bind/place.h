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

#include "../table.h"

namespace npfuse::device::bind {

namespace py = pybind11;

using Address = std::uintptr_t;

inline void* at(Address address) { return reinterpret_cast<void*>(address); }

struct Place {
    int device;
    Address stream_address;
    Stream stream() const { return at(stream_address); }
};

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
