// A device's memory and streams. device.cu says it with the CUDA runtime; tests/native/device_on_host.cpp says it with
// the host's own memory, so that everything else here runs in the tests of a machine without a GPU.
#pragma once

#include <cstddef>
#include <stdexcept>

namespace npfuse::device {

// A cudaStream_t.
using Stream = void*;

class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// How many devices there are. Throws an Error that says why where there are none.
int count();

// Where a pointer's memory lies: the number of a device, or -1 for memory that no device can reach.
int device_of(const void* pointer);

// What the DLPack standard calls this kind of device.
int dlpack_kind();

// Makes a device the current one of this thread for as long as it lives.
class Use {
public:
    explicit Use(int device);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

private:
    int before_;
};

// Memory of the current device, taken and given back in the order of a stream.
void* allocate(std::size_t size, Stream stream);
void release(void* memory, int device, Stream stream) noexcept;

void copy_in(void* target, const void* source, std::size_t size, Stream stream);
void copy_out(void* target, const void* source, std::size_t size, Stream stream);  // returns when it is done
void clear(void* target, std::size_t size, Stream stream);

void synchronize(Stream stream);

// What is put into `stream` from now on starts after what has been put into `earlier`.
void wait_for(Stream stream, Stream earlier);

}  // namespace npfuse::device
