// What a benchmark asks for: when work was done, how many launches it took, and a device's own copy to compare with.
#include "../launch.h"
#include "place.h"

namespace npfuse::device::bind {

namespace {

// An event of a place's stream.
class PlacedEvent {
public:
    explicit PlacedEvent(const Place& place) : place_(place) {
        const Use use(place_.device);
        event_.emplace();
    }
    void record() {
        const Use use(place_.device);
        event_->record(place_.stream());
    }
    double seconds_since(const PlacedEvent& earlier) const {
        const py::gil_scoped_release released;
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
        .def(py::init<const Place&>(), py::arg("place"))
        .def("record", &PlacedEvent::record)
        .def("seconds_since", &PlacedEvent::seconds_since, py::arg("earlier"));
    module.def("launch_count", [] { return launch_count.load(); });
    module.def("properties", [](int device) {
        const Use use(device);
        const Properties found = properties();
        return py::make_tuple(found.name, found.cache);
    });
    module.def("copy", [](const Place& place, Address target, Address source, std::size_t size) {
        const Use use(place.device);
        copy(at(target), at(source), size, place.stream());
    });
}

}  // namespace npfuse::device::bind
