// A device's memory and streams, by the CUDA runtime. tests/native/runtime stands in for that runtime on a host, so
// that everything here runs in the tests of a machine without a GPU.
#pragma once

#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>

namespace npfuse::device {

// A cudaStream_t; null is the default stream.
using Stream = void*;

class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class OutOfMemory : public std::bad_alloc {
public:
    explicit OutOfMemory(std::string what) : what_(std::move(what)) {}
    const char* what() const noexcept override { return what_.c_str(); }

private:
    std::string what_;
};

// How many devices there are. Throws an Error that says why where there are none.
int count();

int current_device();

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
    // Throws where the stream is being captured into a graph, which would hold this call's addresses and be run when
    // the memory there is another array's.
    Use(int device, Stream stream);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

private:
    int before_ = 0;
    void* context_before_ = nullptr;
    bool is_another_ = false;
};

// Tells streams apart, of which a new one may have the address of one that has been destroyed.
using StreamId = unsigned long long;
StreamId id_of(Stream stream);

// A stream of the current device that lives as long as the process, and waits for no other by itself.
Stream lasting_stream();

// Memory of the current device, taken and given back in the order of a stream.
void* allocate(std::size_t size, Stream stream);
void release(void* memory, int device, Stream stream) noexcept;

// Returns when the source may be changed.
void copy_in(void* target, const void* source, std::size_t size, Stream stream);
void copy_out(void* target, const void* source, std::size_t size, Stream stream);  // returns when it is done
void copy(void* target, const void* source, std::size_t size, Stream stream);

void synchronize(Stream stream);
void synchronize_device();

// What is put into `stream` from now on starts after what has been put into `earlier`.
void wait_for(Stream stream, Stream earlier);

// A moment in a stream: when all that had been put into it before is done.
class Event {
public:
    explicit Event(bool is_timed);
    ~Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void record(Stream stream);
    bool is_over() const;
    // What is put into `stream` from now on starts after that moment.
    void precede(Stream stream) const;
    // Waits for both.
    double seconds_since(const Event& earlier) const;

private:
    void* event_ = nullptr;
};

}  // namespace npfuse::device
