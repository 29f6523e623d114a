// Device memory that Python owns, in what order streams use it, and copies.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "place.h"

namespace npfuse::device::bind {

namespace {

// When all that a stream has been asked to do so far is done. Other streams may be destroyed later, so that the moment
// is recorded at once; the default stream can be asked whenever somebody has to wait for it, which costs less.
class Moment {
public:
    // Of a place whose device is the current one.
    explicit Moment(const Place& place) : stream_(id_of(place.stream())) {
        if (place.stream() == nullptr) return;
        event_ = std::make_shared<Event>(false);
        event_->record(place.stream());
    }

    // What is put into a stream from now on starts after this moment.
    void precede(Stream stream) const { precede(stream, id_of(stream)); }
    void precede(Stream stream, StreamId id) const {
        if (id == stream_) return;
        if (event_)
            event_->precede(stream);
        else
            wait_for(stream, nullptr);
    }
    bool is_of(const Moment& other) const { return stream_ == other.stream_; }
    bool is_of_default_stream() const { return !event_; }
    bool is_over() const { return event_ && event_->is_over(); }

private:
    StreamId stream_;
    std::shared_ptr<Event> event_;
};

// Memory of a device. Whoever uses it waits for those whom it must not overtake, on whatever stream they are: a reader
// for the last write, a writer for that and for everyone who has read it since. It goes back after its last use.
class Memory {
public:
    Memory(const Place& place, std::size_t size) : place_(place), size_(size) {
        const UsePlace use(place);
        data_ = allocate(size, place.stream());
    }
    ~Memory() { give_back(); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    Address pointer() const { return reinterpret_cast<Address>(data_); }
    std::size_t size() const { return size_; }
    int device() const { return place_.device; }

    // Has a stream of the current device wait before it uses the memory.
    void precede(Stream stream, StreamId id, bool is_written) {
        const std::lock_guard lock(mutex_);
        if (written_) written_->precede(stream, id);
        if (!is_written) return;
        for (const Moment& moment : read_) moment.precede(stream, id);
    }

    // Remembers that it has been used until a moment.
    void used(const Moment& until, bool is_written) {
        const std::lock_guard lock(mutex_);
        if (is_written) {
            written_ = until;
            read_.clear();
            return;
        }
        std::erase_if(read_, [&](const Moment& moment) { return moment.is_of(until); });
        if (read_.size() >= many) std::erase_if(read_, [](const Moment& moment) { return moment.is_over(); });
        read_.push_back(until);
    }

    // Remembers that another library uses it, on streams that only that library knows.
    void lend() { is_lent_ = true; }

private:
    static constexpr std::size_t many = 8;

    void give_back() noexcept {
        if (data_ == nullptr) return;
        try {
            if (written_) read_.push_back(*written_);
            if (read_.empty()) return release(data_, place_.device, place_.stream());  // inside the call that took it
            const Use use(place_.device);
            release(data_, place_.device, stream_after_all());
        } catch (const std::exception&) {
            // The device has failed: nothing is to be had of its memory.
        }
    }

    // A stream whose work from now on starts after the last use.
    Stream stream_after_all() {
        if (is_lent_) {
            const ReleasedGil released;
            synchronize_device();
            return nullptr;
        }
        if (std::ranges::all_of(read_, &Moment::is_of_default_stream)) return nullptr;
        const Stream stream = lasting_stream();
        for (const Moment& moment : read_) moment.precede(stream);
        return stream;
    }

    Place place_;
    std::size_t size_;
    void* data_;
    std::mutex mutex_;
    std::optional<Moment> written_;
    std::vector<Moment> read_;  // since then
    std::atomic<bool> is_lent_ = false;
};

using Memories = std::vector<Memory*>;

void check_memories(const Place& place, const Memories& memories) {
    for (const Memory* memory : memories)
        require(memory != nullptr && memory->device() == place.device, "memory must be on the place's device");
}

void await_memories(const Place& place, const Memories& read, const Memories& written) {
    check_memories(place, read);
    check_memories(place, written);
    const UsePlace use(place);
    const StreamId id = id_of(place.stream());
    for (Memory* memory : read) memory->precede(place.stream(), id, false);
    for (Memory* memory : written) memory->precede(place.stream(), id, true);
}

void used(const Place& place, const Memories& read, const Memories& written) {
    check_memories(place, read);
    check_memories(place, written);
    const Use use(place.device);
    const Moment now(place);
    for (Memory* memory : read) memory->used(now, false);
    for (Memory* memory : written) memory->used(now, true);
}

CopyCall copy_call(Address strided, Address contiguous, int item_size, const std::vector<long long>& shape,
                   const std::vector<long long>& strides) {
    require(shape.size() <= max_copied_dimensions, "an array of too many dimensions");
    require(shape.size() == strides.size(), "an array must have a stride for each dimension");
    require(item_size == 1 || item_size == 2 || item_size == 4 || item_size == 8, "no such items");
    CopyCall call{};
    call.strided = static_cast<char*>(at(strided));
    call.contiguous = static_cast<char*>(at(contiguous));
    call.item_size = item_size;
    call.dimensions = static_cast<int>(shape.size());
    call.n = 1;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        require(shape[d] >= 0, "an array must not have a length below 0");
        call.shape[d] = shape[d];
        call.strides[d] = strides[d];
        call.n *= shape[d];
    }
    require(call.n == 0 || (strided != 0 && contiguous != 0), "no memory");
    return call;
}

template <void (*copy)(const CopyCall&, Stream)>
void copy_strided(const Place& place, Address strided, Address contiguous, int item_size,
                  const std::vector<long long>& shape, const std::vector<long long>& strides) {
    const CopyCall call = copy_call(strided, contiguous, item_size, shape, strides);
    const UsePlace use(place);
    copy(call, place.stream());
}

// The bytes of a contiguous buffer.
std::size_t bytes_of(const py::buffer_info& info) {
    const auto size = static_cast<std::size_t>(info.size * info.itemsize);
    require(info.ndim == 1 && (info.shape[0] == 0 || info.strides[0] == info.itemsize),
            "a buffer must have one dimension and be contiguous");
    return size;
}

}  // namespace

void register_memory(py::module_& module) {
    py::class_<Place>(module, "Place", py::module_local())
        .def(py::init<int, Address>(), py::arg("device"), py::arg("stream"))
        .def_readonly("device", &Place::device)
        .def_readonly("stream", &Place::stream_address);
    py::class_<Memory>(module, "Memory", py::module_local())
        .def(py::init<const Place&, std::size_t>(), py::arg("place"), py::arg("size"))
        .def("lend", &Memory::lend)
        .def_property_readonly("pointer", &Memory::pointer)
        .def_property_readonly("size", &Memory::size);

    module.def("count", &count);
    module.def("current_device", &current_device);
    module.def("device_of", [](Address pointer) { return device_of(at(pointer)); });
    module.def("check_place", [](const Place& place) { const UsePlace use(place); });
    module.def("await_memories", &await_memories, py::arg("place"), py::arg("read"), py::arg("written"));
    module.def("used", &used, py::arg("place"), py::arg("read"), py::arg("written"));
    module.def("copy_in", [](const Place& place, Address target, const py::buffer& source) {
        const py::buffer_info info = source.request();
        const std::size_t size = bytes_of(info);
        require(size == 0 || target != 0, "no memory");
        const ReleasedGil released;
        const UsePlace use(place);
        copy_in(at(target), info.ptr, size, place.stream());
    });
    module.def("copy_out", [](const Place& place, const py::buffer& target, Address source) {
        const py::buffer_info info = target.request(true);
        const std::size_t size = bytes_of(info);
        require(size == 0 || source != 0, "no memory");
        const ReleasedGil released;
        const UsePlace use(place);
        copy_out(info.ptr, at(source), size, place.stream());
    });
    module.def(
        "synchronize",
        [](const Place& place) {
            const UsePlace use(place);
            synchronize(place.stream());
        },
        WithoutGil());
    module.def(
        "wait_for",
        [](const Place& place, Address earlier) {
            const Place before(place.device, earlier);
            if (before.stream() == place.stream()) return;
            const UsePlace use(place);
            wait_for(place.stream(), before.stream());
        },
        WithoutGil());
    module.def("gather", &copy_strided<gather>, WithoutGil());
    module.def("scatter", &copy_strided<scatter>, WithoutGil());
}

}  // namespace npfuse::device::bind
