// A device's memory and streams. device.cu says it with the CUDA runtime; tests/native/device_on_host.cpp says it with
// the host's own memory, so that everything else here runs in the tests of a machine without a GPU.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

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

struct Properties {
    std::string name;
    std::size_t cache;  // bytes of its last level
};

// Of the current device.
Properties properties();

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
void copy(void* target, const void* source, std::size_t size, Stream stream);
void clear(void* target, std::size_t size, Stream stream);

void synchronize(Stream stream);

// What is put into `stream` from now on starts after what has been put into `earlier`.
void wait_for(Stream stream, Stream earlier);

// A moment in a stream: when all that had been put into it before is done.
class Event {
public:
    Event();
    ~Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void record(Stream stream);
    // Waits for both.
    double seconds_since(const Event& earlier) const;

private:
    void* event_ = nullptr;
};

}  // namespace npfuse::device
