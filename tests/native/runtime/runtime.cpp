// A CUDA runtime with the host's memory for that of two devices, which it shares with them. It does work at once, or,
// where a test asks for it, as late as it may: a stream's when somebody waits for that stream. Then work that does not
// wait for what it needs computes with other numbers, and so does work whose memory is given back too early.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "cuda.h"
#include "cuda/launch.h"
#include "cuda_runtime_api.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr int device_count = 2;
constexpr unsigned char junk = 0xff;  // NaN in every storage: what memory holds before and after it is anyone's

struct Queue;

// Of an event: when the work before it is done.
struct Completion {
    std::shared_ptr<Queue> queue;
    bool is_done = false;
    Clock::time_point when;
};

struct Work {
    std::function<void()> run;
    std::shared_ptr<Completion> after;
};

// What a stream has to do. It outlives the stream.
struct Queue {
    unsigned long long id;
    std::deque<Work> work;
    bool is_captured = false;
    bool is_prompt = false;  // does its work at once even where others put it off
};

struct Allocation {
    std::size_t size;
    int device;
    bool is_pinned;  // the host's own, which a device reads by itself
};

// Everything is guarded by this.
std::recursive_mutex mutex;
std::map<cudaStream_t, std::shared_ptr<Queue>> streams;
std::vector<std::shared_ptr<Queue>> queues;
std::set<cudaStream_t> destroyed;
std::map<std::uintptr_t, Allocation> allocations;
std::vector<void*> graves;
bool puts_off = false, default_is_closed = false;
long long waits = 0, misuses = 0;

thread_local cudaError_t last_error = cudaSuccess;
thread_local std::uintptr_t context = 0;  // 1 + the number of the device, beyond 16 those that others have made

cudaError_t fail(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

int device_of_context() { return context == 0 ? 0 : static_cast<int>((context - 1) % 16); }

bool is_default(cudaStream_t stream) { return reinterpret_cast<std::uintptr_t>(stream) <= 1; }

std::shared_ptr<Queue> queue_of(cudaStream_t stream) {
    std::shared_ptr<Queue>& queue = streams[is_default(stream) ? nullptr : stream];
    if (!queue) {
        queue = std::make_shared<Queue>();
        queue->id = 1 + queues.size();
        queues.push_back(queue);
    }
    return queue;
}

// Whether something may be put into a stream; what may not counts as misuse.
cudaError_t status_of(cudaStream_t stream) {
    cudaError_t status = cudaSuccess;
    if (destroyed.contains(stream))
        status = cudaErrorInvalidResourceHandle;
    else if (queue_of(stream)->is_captured)
        status = cudaErrorStreamCaptureUnsupported;
    else if (is_default(stream) && default_is_closed)
        status = cudaErrorStreamCaptureImplicit;
    if (status != cudaSuccess) ++misuses;
    return fail(status);
}

void do_all_of(const std::shared_ptr<Queue>& queue);

void do_next_of(Queue& queue) {
    const Work next = std::move(queue.work.front());
    queue.work.pop_front();
    while (next.after && !next.after->is_done) do_next_of(*next.after->queue);
    if (next.run) next.run();
}

void do_all_of(const std::shared_ptr<Queue>& queue) {
    while (!queue->work.empty()) do_next_of(*queue);
}

void do_everything() {
    for (std::size_t i = 0; i < queues.size(); ++i) do_all_of(queues[i]);
}

void put(const std::shared_ptr<Queue>& queue, Work work) {
    queue->work.push_back(std::move(work));
    if (!puts_off || queue->is_prompt) do_all_of(queue);
}

const Allocation* allocation_at(const void* pointer) {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    auto found = allocations.upper_bound(address);
    if (found == allocations.begin()) return nullptr;
    --found;
    return address < found->first + found->second.size ? &found->second : nullptr;
}

}  // namespace

struct CUevent_st {
    std::shared_ptr<Completion> last;
};

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
const char* cudaGetErrorString(cudaError_t) { return "refused by the stand-in for the runtime"; }
const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaErrorMemoryAllocation:
            return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidDevice:
            return "cudaErrorInvalidDevice";
        case cudaErrorInvalidResourceHandle:
            return "cudaErrorInvalidResourceHandle";
        case cudaErrorStreamCaptureImplicit:
            return "cudaErrorStreamCaptureImplicit";
        default:
            return "another error";
    }
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = device_count;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
    *device = device_of_context();
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    if (device < 0 || device >= device_count) return fail(cudaErrorInvalidDevice);
    context = 1 + static_cast<std::uintptr_t>(device);
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {"the host", 32768};
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
    const std::lock_guard lock(mutex);
    const Allocation* found = allocation_at(pointer);
    if (found == nullptr)
        *attributes = {cudaMemoryTypeUnregistered, -1, nullptr};
    else
        *attributes = {found->is_pinned ? cudaMemoryTypeHost : cudaMemoryTypeDevice, found->device,
                       const_cast<void*>(pointer)};
    return cudaSuccess;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult*) {
    constexpr auto get = [](CUcontext* current) {
        *current = reinterpret_cast<CUcontext>(context);
        return CUDA_SUCCESS;
    };
    constexpr auto set = [](CUcontext chosen) {
        context = reinterpret_cast<std::uintptr_t>(chosen);
        return CUDA_SUCCESS;
    };
    *function =
        std::strcmp(name, "cuCtxGetCurrent") == 0 ? reinterpret_cast<void*>(+get) : reinterpret_cast<void*>(+set);
    return cudaSuccess;
}

// Of 16 bytes, as a device's memory is aligned at least.
cudaError_t cudaMallocAsync(void** memory, std::size_t size, cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    if (const cudaError_t status = status_of(stream); status != cudaSuccess) return status;
    constexpr std::size_t most = std::size_t(1) << 40;
    *memory = size > most ? nullptr : std::aligned_alloc(16, (size + 15) / 16 * 16);
    if (*memory == nullptr) return fail(cudaErrorMemoryAllocation);
    allocations[reinterpret_cast<std::uintptr_t>(*memory)] = {size, device_of_context(), false};
    put(queue_of(stream), {[=, at = *memory] { std::memset(at, junk, size); }, nullptr});
    return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    if (const cudaError_t status = status_of(stream); status != cudaSuccess) return status;
    const auto found = allocations.find(reinterpret_cast<std::uintptr_t>(memory));
    if (found == allocations.end()) return fail(cudaErrorInvalidValue);
    const std::size_t size = found->second.size;
    allocations.erase(found);
    if (!puts_off) {
        std::free(memory);
        return cudaSuccess;
    }
    put(queue_of(stream), {[=] { std::memset(memory, junk, size); }, nullptr});
    graves.push_back(memory);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    if (const cudaError_t status = status_of(stream); status != cudaSuccess) return status;
    if (kind == cudaMemcpyHostToDevice && allocation_at(source) == nullptr) {
        const auto* first = static_cast<const unsigned char*>(source);
        put(queue_of(stream),
            {[=, own = std::vector(first, first + size)] { std::memcpy(target, own.data(), size); }, nullptr});
    } else {
        put(queue_of(stream), {[=] { std::memcpy(target, source, size); }, nullptr});
    }
    if (kind == cudaMemcpyDeviceToHost && allocation_at(target) == nullptr) do_all_of(queue_of(stream));
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
    const std::lock_guard lock(mutex);
    do_everything();
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    const std::lock_guard lock(mutex);
    *stream = reinterpret_cast<cudaStream_t>(new char[16]);
    queue_of(*stream)->is_prompt = true;  // memory that is given back in it is overwritten as early as possible
    return cudaSuccess;
}

cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
    const std::lock_guard lock(mutex);
    if (destroyed.contains(stream)) return status_of(stream);
    *id = queue_of(stream)->id;
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    const std::lock_guard lock(mutex);
    if (destroyed.contains(stream)) return status_of(stream);
    if (is_default(stream) && default_is_closed) return fail(cudaErrorStreamCaptureImplicit);
    *status = queue_of(stream)->is_captured ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    if (const cudaError_t status = status_of(stream); status != cudaSuccess) return status;
    do_all_of(queue_of(stream));
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    const std::lock_guard lock(mutex);
    if (const cudaError_t status = status_of(stream); status != cudaSuccess) return status;
    ++waits;
    put(queue_of(stream), {nullptr, event->last});
    return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode*) { return cudaSuccess; }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = new CUevent_st;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    if (const cudaError_t status = status_of(stream); status != cudaSuccess) return status;
    event->last = std::make_shared<Completion>(queue_of(stream));
    put(event->last->queue, {[own = event->last] {
                                 own->is_done = true;
                                 own->when = Clock::now();
                             },
                             nullptr});
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    const std::lock_guard lock(mutex);
    return fail(event->last && !event->last->is_done ? cudaErrorNotReady : cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const std::lock_guard lock(mutex);
    while (event->last && !event->last->is_done) do_next_of(*event->last->queue);
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    const std::chrono::duration<float, std::milli> passed = end->last->when - begin->last->when;
    *milliseconds = passed.count();
    return cudaSuccess;
}

namespace npfuse::device {

void put_into(Stream stream, std::function<void()> work) {
    const std::lock_guard lock(mutex);
    const auto own = static_cast<cudaStream_t>(stream);
    if (status_of(own) != cudaSuccess) throw Error("a kernel did not start");
    put(queue_of(own), {std::move(work), nullptr});
}

}  // namespace npfuse::device

// For tests, by way of ctypes.
#define NPFUSE_FOR_TESTS extern "C" __attribute__((visibility("default")))

NPFUSE_FOR_TESTS void npfuse_last_thread_first(bool is) { npfuse::device::last_thread_first = is; }

// Puts work off from now on, or does what has been put off and no longer does so.
NPFUSE_FOR_TESTS void npfuse_put_off(bool is) {
    const std::lock_guard lock(mutex);
    puts_off = is;
    if (is) return;
    do_everything();
    for (void* memory : graves) std::free(memory);
    graves.clear();
}

// Another stream may then be given the address.
NPFUSE_FOR_TESTS void npfuse_destroy_stream(std::uintptr_t stream) {
    const std::lock_guard lock(mutex);
    streams.erase(reinterpret_cast<cudaStream_t>(stream));
    destroyed.insert(reinterpret_cast<cudaStream_t>(stream));
}
NPFUSE_FOR_TESTS void npfuse_create_stream(std::uintptr_t stream) {
    const std::lock_guard lock(mutex);
    destroyed.erase(reinterpret_cast<cudaStream_t>(stream));
}

// The default stream is closed meanwhile.
NPFUSE_FOR_TESTS void npfuse_capture(std::uintptr_t stream, bool is) {
    const std::lock_guard lock(mutex);
    queue_of(reinterpret_cast<cudaStream_t>(stream))->is_captured = is;
    default_is_closed = is;
}

NPFUSE_FOR_TESTS void npfuse_pin(const void* memory, std::size_t size) {
    const std::lock_guard lock(mutex);
    if (size > 0)
        allocations[reinterpret_cast<std::uintptr_t>(memory)] = {size, 0, true};
    else
        allocations.erase(reinterpret_cast<std::uintptr_t>(memory));
}

NPFUSE_FOR_TESTS std::uintptr_t npfuse_context() { return context; }
NPFUSE_FOR_TESTS void npfuse_set_context(std::uintptr_t chosen) { context = chosen; }
NPFUSE_FOR_TESTS int npfuse_last_error() { return last_error; }
NPFUSE_FOR_TESTS void npfuse_leave_error(int error) { last_error = static_cast<cudaError_t>(error); }

// Waits of one stream for another so far; uses of streams that are destroyed or captured; arrays on the devices.
NPFUSE_FOR_TESTS long long npfuse_waits() { return waits; }
NPFUSE_FOR_TESTS long long npfuse_misuses() { return misuses; }
NPFUSE_FOR_TESTS long long npfuse_allocations() {
    const std::lock_guard lock(mutex);
    return static_cast<long long>(allocations.size());
}
