// csrc/cuda/device.h with the host's memory for a device's: one device, whose streams do everything at once.
#include <cstdlib>
#include <cstring>
#include <new>

#include "cuda/device.h"

namespace npfuse::device {

int count() { return 1; }

int device_of(const void*) { return 0; }

int dlpack_kind() { return 12; }  // an extension's device, lest it be taken for the CPU

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
void clear(void* target, std::size_t size, Stream) { std::memset(target, 0, size); }
void synchronize(Stream) {}
void wait_for(Stream, Stream) {}

}  // namespace npfuse::device
