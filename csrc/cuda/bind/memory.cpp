#include <set>
#include <stdexcept>

#include "place.h"

namespace npfuse::device::bind {

namespace {

// Device memory that Python owns. It goes back when the streams it was used on have done what they were asked.
class Memory {
public:
    Memory(const Place& place, std::size_t size) : place_(place), size_(size) {
        const Use use(place.device);
        data_ = allocate(size, place.stream());
    }
    ~Memory() {
        for (const Address other : others_) {
            try {
                const Use use(place_.device);
                wait_for(place_.stream(), at(other));
            } catch (const Error&) {  // that stream is gone, and what was in it done
            }
        }
        release(data_, place_.device, place_.stream());
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    void used_on(Address stream) {
        if (stream != place_.stream_address) others_.insert(stream);
    }
    Address pointer() const { return reinterpret_cast<Address>(data_); }
    std::size_t size() const { return size_; }

private:
    Place place_;
    std::size_t size_;
    void* data_;
    std::set<Address> others_;
};

CopyCall copy_call(Address strided, Address contiguous, int item_size, const std::vector<long long>& shape,
                   const std::vector<long long>& strides) {
    if (shape.size() > max_copied_dimensions)
        throw py::value_error("an array of more than " + std::to_string(max_copied_dimensions) + " dimensions");
    CopyCall call{};
    call.strided = static_cast<char*>(at(strided));
    call.contiguous = static_cast<char*>(at(contiguous));
    call.item_size = item_size;
    call.dimensions = static_cast<int>(shape.size());
    call.n = 1;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        call.shape[d] = shape[d];
        call.strides[d] = strides[d];
        call.n *= shape[d];
    }
    return call;
}

template <void (*copy)(const CopyCall&, Stream)>
void copy_strided(const Place& place, Address strided, Address contiguous, int item_size,
                  const std::vector<long long>& shape, const std::vector<long long>& strides) {
    const CopyCall call = copy_call(strided, contiguous, item_size, shape, strides);
    const Use use(place.device);
    copy(call, place.stream());
}

}  // namespace

void register_memory(py::module_& module) {
    py::class_<Place>(module, "Place", py::module_local())
        .def(py::init<int, Address>(), py::arg("device"), py::arg("stream"))
        .def_readonly("device", &Place::device)
        .def_readonly("stream", &Place::stream_address);
    py::class_<Memory>(module, "Memory", py::module_local())
        .def(py::init<const Place&, std::size_t>(), py::arg("place"), py::arg("size"))
        .def("used_on", &Memory::used_on)
        .def_property_readonly("pointer", &Memory::pointer)
        .def_property_readonly("size", &Memory::size);

    module.def("count", &count);
    module.def("device_of", [](Address pointer) { return device_of(at(pointer)); });
    module.def("copy_in", [](const Place& place, Address target, const py::buffer& source) {
        const py::buffer_info info = source.request();
        const py::gil_scoped_release released;
        const Use use(place.device);
        copy_in(at(target), info.ptr, static_cast<std::size_t>(info.size * info.itemsize), place.stream());
    });
    module.def("copy_out", [](const Place& place, const py::buffer& target, Address source) {
        const py::buffer_info info = target.request(true);
        const py::gil_scoped_release released;
        const Use use(place.device);
        copy_out(info.ptr, at(source), static_cast<std::size_t>(info.size * info.itemsize), place.stream());
    });
    module.def("synchronize", [](const Place& place) {
        const py::gil_scoped_release released;
        const Use use(place.device);
        synchronize(place.stream());
    });
    module.def("wait_for", [](const Place& place, Address earlier) {
        const Use use(place.device);
        wait_for(place.stream(), at(earlier));
    });
    module.def("gather", &copy_strided<gather>);
    module.def("scatter", &copy_strided<scatter>);
}

}  // namespace npfuse::device::bind
