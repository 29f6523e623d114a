// When work is done; and what a benchmark needs: how many launches it took, a device's own copy to compare
// with.
#include "../launch.h"
#include "place.h"

namespace npfuse::device::bind {

namespace {

// An event of a place's stream.
class PlacedEvent {
public:
    PlacedEvent(const Place& place, bool is_timed) : place_(place) {
        const UsePlace use(place_);
        event_.emplace(is_timed);
    }
    void record() {
        const UsePlace use(place_);
        event_->record(place_.stream());
    }
    bool is_over() const {
        const Use use(place_.device);
        return event_->is_over();
    }
    double seconds_since(const PlacedEvent& earlier) const {
        const Use use(place_.device);
        return event_->seconds_since(*earlier.event_);
    }

private:
    Place place_;
    std::optional<Event> event_;
};

}  // namespace

void register_timing(py::module_& module) {
    py::class_<PlacedEvent>(module, "Event", py::module_local())
        .def(py::init<const Place&, bool>(), py::arg("place"), py::arg("is_timed") = true)
        .def("record", &PlacedEvent::record)
        .def("is_over", &PlacedEvent::is_over)
        .def("seconds_since", &PlacedEvent::seconds_since, py::arg("earlier"), WithoutGil());
    module.def("launch_count", [] { return launch_count.load(); });
    module.def("properties", [](int device) {
        const Use use(device);
        const Properties found = properties();
        return py::make_tuple(found.name, found.cache);
    });
    module.def("copy", [](const Place& place, Address target, Address source, std::size_t size) {
        const UsePlace use(place);
        copy(at(target), at(source), size, place.stream());
    });
}

}  // namespace npfuse::device::bind
