#include "dlpack.h"

#include <memory>
#include <vector>

#include "place.h"

namespace npfuse::device::bind {

namespace {

// The two forms in which an array is handed over, and the names of their capsules, fresh and taken.
template <class Managed>
struct Form;
template <>
struct Form<DLManagedTensor> {
    static constexpr const char *fresh = "dltensor", *used = "used_dltensor";
};
template <>
struct Form<DLManagedTensorVersioned> {
    static constexpr const char *fresh = "dltensor_versioned", *used = "used_dltensor_versioned";
};

constexpr DLPackVersion version = {1, 1};

// An array taken over from another library, which gets it back when Python forgets this.
class Borrowed {
public:
    explicit Borrowed(const py::capsule& capsule) {
        if (PyCapsule_IsValid(capsule.ptr(), Form<DLManagedTensorVersioned>::fresh))
            take<DLManagedTensorVersioned>(capsule);
        else
            take<DLManagedTensor>(capsule);
    }

    Address pointer() const { return reinterpret_cast<Address>(tensor_->data) + tensor_->byte_offset; }
    int device() const { return tensor_->device.id; }
    int kind() const { return tensor_->device.kind; }
    bool is_read_only() const { return is_read_only_; }
    py::tuple dtype() const { return py::make_tuple(tensor_->dtype.code, tensor_->dtype.bits, tensor_->dtype.lanes); }

    py::tuple shape() const {
        py::tuple result(tensor_->dimensions);
        for (int d = 0; d < tensor_->dimensions; ++d) result[d] = tensor_->shape[d];
        return result;
    }
    // In elements.
    py::tuple strides() const {
        py::tuple result(tensor_->dimensions);
        std::int64_t dense = 1;
        for (int d = tensor_->dimensions - 1; d >= 0; --d) {
            result[d] = tensor_->strides ? tensor_->strides[d] : dense;
            dense *= tensor_->shape[d];
        }
        return result;
    }

private:
    template <class Managed>
    void take(const py::capsule& capsule) {
        auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), Form<Managed>::fresh));
        if (!managed) throw py::error_already_set();
        if (PyCapsule_SetName(capsule.ptr(), Form<Managed>::used) != 0) throw py::error_already_set();
        managed_ = std::shared_ptr<void>(managed, [](void* taken) {
            auto* own = static_cast<Managed*>(taken);
            if (own->deleter) own->deleter(own);
        });
        if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
            if (managed->version.major != version.major)  // what follows the version is unknown
                throw py::buffer_error("DLPack's version must be " + std::to_string(version.major) + ", got " +
                                       std::to_string(managed->version.major));
            is_read_only_ = managed->flags & dl_read_only;
        }
        tensor_ = &managed->tensor;
    }

    std::shared_ptr<void> managed_;
    const DLTensor* tensor_ = nullptr;
    bool is_read_only_ = false;
};

// Keeps the Python object that owns the memory for as long as another library has the array.
template <class Managed>
struct Lent {
    Managed managed;
    std::vector<std::int64_t> shape, strides;
    py::object owner;
};

bool is_ending() {
#if PY_VERSION_HEX >= 0x030d0000
    return Py_IsFinalizing();
#else
    return !Py_IsInitialized() || _Py_IsFinalizing();
#endif
}

// Called by the other library, from any thread.
template <class Managed>
void give_back(Managed* managed) {
    if (is_ending()) return;  // whoever asks for the GIL now never gets it
    const py::gil_scoped_acquire held;
    delete static_cast<Lent<Managed>*>(managed->context);
}

template <class Managed>
void drop_unused(PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, Form<Managed>::fresh)) return;
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Form<Managed>::fresh));
    managed->deleter(managed);
}

struct Description {
    Address pointer;
    int device;
    std::pair<std::uint8_t, std::uint8_t> dtype;  // code and bits
    std::vector<std::int64_t> shape, strides;
};

template <class Managed>
py::object lend_as(const py::object& owner, const Description& array, bool is_copied) {
    auto lent = std::make_unique<Lent<Managed>>(Lent<Managed>{{}, array.shape, array.strides, owner});
    Managed& managed = lent->managed;
    managed.tensor = {
        .data = at(array.pointer),
        .device = {dlpack_kind(), array.device},
        .dimensions = static_cast<std::int32_t>(lent->shape.size()),
        .dtype = {array.dtype.first, array.dtype.second, 1},
        .shape = lent->shape.data(),
        .strides = lent->strides.data(),
        .byte_offset = 0,
    };
    managed.context = lent.get();
    managed.deleter = give_back<Managed>;
    if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
        managed.version = version;
        managed.flags = is_copied ? std::uint64_t{dl_is_copied} : 0;
    }
    PyObject* capsule = PyCapsule_New(&managed, Form<Managed>::fresh, drop_unused<Managed>);
    if (!capsule) throw py::error_already_set();
    lent.release();
    return py::reinterpret_steal<py::object>(capsule);
}

py::object lend(const py::object& owner, Address pointer, int device, std::pair<std::uint8_t, std::uint8_t> dtype,
                std::vector<std::int64_t> shape, std::vector<std::int64_t> strides, bool is_versioned, bool is_copied) {
    require(shape.size() == strides.size(), "an array must have a stride for each dimension");
    const Description array = {pointer, device, dtype, std::move(shape), std::move(strides)};
    return is_versioned ? lend_as<DLManagedTensorVersioned>(owner, array, is_copied)
                        : lend_as<DLManagedTensor>(owner, array, is_copied);
}

}  // namespace

void register_dlpack(py::module_& module) {
    module.attr("dlpack_kind") = dlpack_kind();
    module.attr("dlpack_version") = py::make_tuple(version.major, version.minor);
    py::class_<Borrowed>(module, "Borrowed", py::module_local())
        .def(py::init<const py::capsule&>())
        .def_property_readonly("pointer", &Borrowed::pointer)
        .def_property_readonly("device", &Borrowed::device)
        .def_property_readonly("kind", &Borrowed::kind)
        .def_property_readonly("is_read_only", &Borrowed::is_read_only)
        .def_property_readonly("dtype", &Borrowed::dtype)
        .def_property_readonly("shape", &Borrowed::shape)
        .def_property_readonly("strides", &Borrowed::strides);
    module.def("lend", &lend);
}

}  // namespace npfuse::device::bind
