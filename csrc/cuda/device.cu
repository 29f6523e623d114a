#include "device.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace npfuse::device {

namespace {

std::string described(cudaError_t status, const char* what) {
    return std::string(what) + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")";
}

// Throws where a call has failed. It has then replaced whatever error was left by another library, and is taken back so
// that no other library finds it.
void check(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    cudaGetLastError();
    if (status == cudaErrorMemoryAllocation) throw OutOfMemory(described(status, what));
    throw Error(described(status, what));
}

cudaStream_t as_cuda(Stream stream) { return static_cast<cudaStream_t>(stream); }

// Functions of the driver, which this module is not linked to; null where there is no such function.
template <class Function>
Function of_driver(const char* name) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result;
#if CUDART_VERSION >= 12050
    const cudaError_t status = cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result);
#else
    const cudaError_t status = cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &result);
#endif
    if (status != cudaSuccess) cudaGetLastError();
    return status == cudaSuccess ? reinterpret_cast<Function>(found) : nullptr;
}

void* current_context() {
    static const auto get = of_driver<CUresult (*)(CUcontext*)>("cuCtxGetCurrent");
    CUcontext context = nullptr;
    return get != nullptr && get(&context) == CUDA_SUCCESS ? context : nullptr;
}

void set_context(void* context) {
    static const auto set = of_driver<CUresult (*)(CUcontext)>("cuCtxSetCurrent");
    if (set != nullptr) set(static_cast<CUcontext>(context));
}

void refuse_capture(Stream stream) {
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(as_cuda(stream), &capture), "stream cannot be used");
    if (capture != cudaStreamCaptureStatusNone)
        throw Error("stream must not be captured into a CUDA graph, which npfuse.cuda does not support");
}

// Memory that could not be given back when its time came, because the default stream is closed while a stream that
// waits for it is captured.
class Postponed {
public:
    void add(void* memory, int device) {
        const std::lock_guard lock(mutex_);
        all_.emplace_back(memory, device);
    }
    void release_all() {
        std::vector<std::pair<void*, int>> all;
        {
            const std::lock_guard lock(mutex_);
            std::swap(all, all_);
        }
        for (const auto& [memory, device] : all) release(memory, device, nullptr);
    }

private:
    std::mutex mutex_;
    std::vector<std::pair<void*, int>> all_;
};

Postponed& postponed() {
    static auto* const all = new Postponed;  // arrays may outlive static objects
    return *all;
}

}  // namespace

int count() {
    int devices = 0;
    check(cudaGetDeviceCount(&devices), "there is no CUDA device");
    if (devices == 0) throw Error("there is no CUDA device");
    return devices;
}

int current_device() {
    int device = 0;
    check(cudaGetDevice(&device), "cannot tell the current device");
    return device;
}

int device_of(const void* pointer) {
    cudaPointerAttributes attributes;
    check(cudaPointerGetAttributes(&attributes, pointer), "cannot tell where an array lies");
    return attributes.devicePointer != nullptr ? attributes.device : -1;
}

int dlpack_kind() { return 2; }

Properties properties() {
    cudaDeviceProp found;
    check(cudaGetDeviceProperties(&found, current_device()), "cannot tell what the device is");
    return {found.name, static_cast<std::size_t>(found.l2CacheSize)};
}

Use::Use(int device) : before_(current_device()), is_another_(device != before_) {
    if (!is_another_) return;
    context_before_ = current_context();
    check(cudaSetDevice(device), "cannot use the array's device");
}

Use::Use(int device, Stream stream) : Use(device) { refuse_capture(stream); }

// The caller's context may be another than the one that the runtime has made for the device.
Use::~Use() {
    if (!is_another_) return;
    cudaSetDevice(before_);
    if (context_before_ != nullptr) set_context(context_before_);
}

StreamId id_of(Stream stream) {
    if (stream == nullptr) return ~StreamId(0);  // of which there is one, and no need to ask
    StreamId id = 0;
    check(cudaStreamGetId(as_cuda(stream), &id), "stream cannot be used");
    return id;
}

Stream lasting_stream() {
    static std::mutex mutex;
    static auto* const streams = new std::map<int, cudaStream_t>;
    const int device = current_device();
    const std::lock_guard lock(mutex);
    cudaStream_t& stream = (*streams)[device];
    if (stream == nullptr) check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cannot create a stream");
    return stream;
}

void* allocate(std::size_t size, Stream stream) {
    postponed().release_all();
    void* memory = nullptr;
    if (size > 0) check(cudaMallocAsync(&memory, size, as_cuda(stream)), "cannot allocate device memory");
    return memory;
}

void release(void* memory, int device, Stream stream) noexcept {
    if (memory == nullptr) return;
    try {
        const Use use(device, stream);
        check(cudaFreeAsync(memory, as_cuda(stream)), "cannot release device memory");
    } catch (const std::exception&) {
        postponed().add(memory, device);
    }
}

// Ordinary memory has been copied by the runtime to its own before this returns. What the device reads by itself, such
// as memory that is locked in place for it, is read when the stream gets there.
void copy_in(void* target, const void* source, std::size_t size, Stream stream) {
    cudaPointerAttributes attributes;
    check(cudaPointerGetAttributes(&attributes, source), "cannot tell where an array lies");
    check(cudaMemcpyAsync(target, source, size, cudaMemcpyHostToDevice, as_cuda(stream)), "cannot copy to the device");
    if (attributes.type != cudaMemoryTypeUnregistered) synchronize(stream);
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

void synchronize(Stream stream) { check(cudaStreamSynchronize(as_cuda(stream)), "the device failed"); }

void synchronize_device() { check(cudaDeviceSynchronize(), "the device failed"); }

void wait_for(Stream stream, Stream earlier) {
    if (stream == earlier) return;
    refuse_capture(earlier);
    Event now(false);
    now.record(earlier);
    now.precede(stream);
}

Event::Event(bool is_timed) {
    cudaEvent_t event;
    check(cudaEventCreateWithFlags(&event, is_timed ? cudaEventDefault : cudaEventDisableTiming),
          "cannot create an event");
    event_ = event;
}

Event::~Event() { cudaEventDestroy(static_cast<cudaEvent_t>(event_)); }

void Event::record(Stream stream) {
    check(cudaEventRecord(static_cast<cudaEvent_t>(event_), as_cuda(stream)), "cannot record an event");
}

// Asked in the relaxed mode, in which the question does not spoil another stream's capture.
bool Event::is_over() const {
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    check(cudaThreadExchangeStreamCaptureMode(&mode), "cannot ask for an event");
    const cudaError_t status = cudaEventQuery(static_cast<cudaEvent_t>(event_));
    if (status == cudaErrorNotReady) cudaGetLastError();  // the answer, not an error
    cudaThreadExchangeStreamCaptureMode(&mode);
    return status != cudaErrorNotReady;
}

void Event::precede(Stream stream) const {
    check(cudaStreamWaitEvent(as_cuda(stream), static_cast<cudaEvent_t>(event_), 0), "cannot wait for another stream");
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
