// csrc/cuda/device.h with the host's memory for a device's: one device, whose streams do everything at once.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

#include "cuda/block.h"
#include "cuda/device.h"

namespace npfuse::device {

int count() { return 1; }

int device_of(const void*) { return 0; }

int dlpack_kind() { return 12; }  // an extension's device, lest it be taken for the CPU

Properties properties() { return {"the host", 32768}; }

Use::Use(int device) : before_(device) {}
Use::~Use() = default;

// Of 16 bytes, as a device's memory is aligned at least.
void* allocate(std::size_t size, Stream) {
    if (size == 0) return nullptr;
    void* memory = std::aligned_alloc(16, (size + 15) / 16 * 16);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

void release(void* memory, int, Stream) noexcept { std::free(memory); }

void copy_in(void* target, const void* source, std::size_t size, Stream) { std::memcpy(target, source, size); }
void copy_out(void* target, const void* source, std::size_t size, Stream) { std::memcpy(target, source, size); }
void copy(void* target, const void* source, std::size_t size, Stream) { std::memcpy(target, source, size); }
void clear(void* target, std::size_t size, Stream) { std::memset(target, 0, size); }
void synchronize(Stream) {}
void wait_for(Stream, Stream) {}

using Clock = std::chrono::steady_clock;

Event::Event() : event_(new Clock::time_point) {}
Event::~Event() { delete static_cast<Clock::time_point*>(event_); }
void Event::record(Stream) { *static_cast<Clock::time_point*>(event_) = Clock::now(); }
double Event::seconds_since(const Event& earlier) const {
    const auto passed = *static_cast<Clock::time_point*>(event_) - *static_cast<Clock::time_point*>(earlier.event_);
    return std::chrono::duration<double>(passed).count();
}

}  // namespace npfuse::device

// For a test, by way of ctypes.
extern "C" __attribute__((visibility("default"))) void npfuse_last_thread_first(bool is) {
    npfuse::device::last_thread_first = is;
}
