#include "dlpack.h"

#include <vector>

#include "place.h"

namespace npfuse::device::bind {

namespace {

constexpr const char* fresh_name = "dltensor";
constexpr const char* used_name = "used_dltensor";

// An array taken over from another library, which gets it back when Python forgets this.
class Borrowed {
public:
    explicit Borrowed(const py::capsule& capsule) {
        managed_ = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), fresh_name));
        if (!managed_) throw py::error_already_set();
        PyCapsule_SetName(capsule.ptr(), used_name);
    }
    ~Borrowed() {
        if (managed_->deleter) managed_->deleter(managed_);
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;

    Address pointer() const { return reinterpret_cast<Address>(tensor().data) + tensor().byte_offset; }
    int device() const { return tensor().device.id; }
    int kind() const { return tensor().device.kind; }
    py::tuple dtype() const { return py::make_tuple(tensor().dtype.code, tensor().dtype.bits, tensor().dtype.lanes); }

    py::tuple shape() const {
        py::tuple result(tensor().dimensions);
        for (int d = 0; d < tensor().dimensions; ++d) result[d] = tensor().shape[d];
        return result;
    }
    // In elements.
    py::tuple strides() const {
        py::tuple result(tensor().dimensions);
        std::int64_t dense = 1;
        for (int d = tensor().dimensions - 1; d >= 0; --d) {
            result[d] = tensor().strides ? tensor().strides[d] : dense;
            dense *= tensor().shape[d];
        }
        return result;
    }

private:
    const DLTensor& tensor() const { return managed_->tensor; }

    DLManagedTensor* managed_;
};

// Keeps the Python object that owns the memory for as long as another library has the array.
struct Lent {
    DLManagedTensor managed;
    std::vector<std::int64_t> shape, strides;
    py::object owner;
};

void give_back(DLManagedTensor* managed) {
    const py::gil_scoped_acquire held;
    delete static_cast<Lent*>(managed->context);
}

void drop_unused(PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, fresh_name)) return;
    auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, fresh_name));
    managed->deleter(managed);
}

py::object lend(const py::object& owner, Address pointer, int device, const py::tuple& dtype,
                std::vector<std::int64_t> shape, std::vector<std::int64_t> strides) {
    auto* lent = new Lent{{}, std::move(shape), std::move(strides), owner};
    lent->managed.tensor = {
        .data = at(pointer),
        .device = {dlpack_kind(), device},
        .dimensions = static_cast<std::int32_t>(lent->shape.size()),
        .dtype = {dtype[0].cast<std::uint8_t>(), dtype[1].cast<std::uint8_t>(), 1},
        .shape = lent->shape.data(),
        .strides = lent->strides.data(),
        .byte_offset = 0,
    };
    lent->managed.context = lent;
    lent->managed.deleter = give_back;
    PyObject* capsule = PyCapsule_New(&lent->managed, fresh_name, drop_unused);
    if (!capsule) {
        delete lent;
        throw py::error_already_set();
    }
    return py::reinterpret_steal<py::object>(capsule);
}

}  // namespace

void register_dlpack(py::module_& module) {
    module.attr("dlpack_kind") = dlpack_kind();
    py::class_<Borrowed>(module, "Borrowed", py::module_local())
        .def(py::init<const py::capsule&>())
        .def_property_readonly("pointer", &Borrowed::pointer)
        .def_property_readonly("device", &Borrowed::device)
        .def_property_readonly("kind", &Borrowed::kind)
        .def_property_readonly("dtype", &Borrowed::dtype)
        .def_property_readonly("shape", &Borrowed::shape)
        .def_property_readonly("strides", &Borrowed::strides);
    module.def("lend", &lend);
}

}  // namespace npfuse::device::bind
