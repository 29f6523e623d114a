#include "device.h"

#include <cuda_runtime_api.h>

#include <string>

namespace npfuse::device {

namespace {

void check(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    cudaGetLastError();  // lest the next call report it again
    throw Error(std::string(what) + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")");
}

cudaStream_t as_cuda(Stream stream) { return static_cast<cudaStream_t>(stream); }

}  // namespace

int count() {
    int devices = 0;
    check(cudaGetDeviceCount(&devices), "there is no CUDA device");
    if (devices == 0) throw Error("there is no CUDA device");
    return devices;
}

int device_of(const void* pointer) {
    cudaPointerAttributes attributes;
    check(cudaPointerGetAttributes(&attributes, pointer), "cannot tell where an array lies");
    return attributes.devicePointer != nullptr ? attributes.device : -1;
}

int dlpack_kind() { return 2; }

Properties properties() {
    int device;
    cudaDeviceProp found;
    check(cudaGetDevice(&device), "cannot tell the current device");
    check(cudaGetDeviceProperties(&found, device), "cannot tell what the device is");
    return {found.name, static_cast<std::size_t>(found.l2CacheSize)};
}

Use::Use(int device) {
    check(cudaGetDevice(&before_), "cannot tell the current device");
    check(cudaSetDevice(device), "cannot use the array's device");
}

Use::~Use() { cudaSetDevice(before_); }

void* allocate(std::size_t size, Stream stream) {
    void* memory = nullptr;
    if (size > 0) check(cudaMallocAsync(&memory, size, as_cuda(stream)), "cannot allocate device memory");
    return memory;
}

void release(void* memory, int device, Stream stream) noexcept {
    if (memory == nullptr) return;
    int before;
    cudaGetDevice(&before);
    cudaSetDevice(device);
    // The stream may be gone by now, and everything in it done.
    if (cudaFreeAsync(memory, as_cuda(stream)) != cudaSuccess) cudaFree(memory);
    cudaGetLastError();
    cudaSetDevice(before);
}

// Of ordinary memory, which the runtime has copied to its own before this returns.
void copy_in(void* target, const void* source, std::size_t size, Stream stream) {
    check(cudaMemcpyAsync(target, source, size, cudaMemcpyHostToDevice, as_cuda(stream)), "cannot copy to the device");
}

void copy_out(void* target, const void* source, std::size_t size, Stream stream) {
    check(cudaMemcpyAsync(target, source, size, cudaMemcpyDeviceToHost, as_cuda(stream)),
          "cannot copy from the device");
    synchronize(stream);
}

void copy(void* target, const void* source, std::size_t size, Stream stream) {
    check(cudaMemcpyAsync(target, source, size, cudaMemcpyDeviceToDevice, as_cuda(stream)),
          "cannot copy on the device");
}

void clear(void* target, std::size_t size, Stream stream) {
    check(cudaMemsetAsync(target, 0, size, as_cuda(stream)), "cannot clear device memory");
}

void synchronize(Stream stream) { check(cudaStreamSynchronize(as_cuda(stream)), "the device failed"); }

void wait_for(Stream stream, Stream earlier) {
    if (stream == earlier) return;
    cudaEvent_t event;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cannot create an event");
    cudaError_t status = cudaEventRecord(event, as_cuda(earlier));
    if (status == cudaSuccess) status = cudaStreamWaitEvent(as_cuda(stream), event, 0);
    cudaEventDestroy(event);
    check(status, "cannot wait for another stream");
}

Event::Event() {
    cudaEvent_t event;
    check(cudaEventCreate(&event), "cannot create an event");
    event_ = event;
}

Event::~Event() { cudaEventDestroy(static_cast<cudaEvent_t>(event_)); }

void Event::record(Stream stream) {
    check(cudaEventRecord(static_cast<cudaEvent_t>(event_), as_cuda(stream)), "cannot record an event");
}

double Event::seconds_since(const Event& earlier) const {
    const auto event = static_cast<cudaEvent_t>(event_);
    check(cudaEventSynchronize(event), "the device failed");
    float milliseconds;
    check(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(earlier.event_), event),
          "cannot tell the time between two events");
    return milliseconds * 1e-3;
}

}  // namespace npfuse::device
