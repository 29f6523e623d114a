// Starts a kernel.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "block.h"
#include "device.h"

#ifdef __CUDACC__
#include <cuda_runtime.h>

#include <string>
#else
#include <functional>
#include <memory>
#endif

namespace npfuse::device {

// How many kernels have been started.
inline std::atomic<long long> launch_count = 0;

inline long long blocks_for(long long n, long long each) { return (n + each - 1) / each; }

// As the widest access wants it.
inline bool is_aligned(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0; }

#ifdef __CUDACC__

namespace {

// So many blocks that registers suffice for, on one multiprocessor.
template <class Kernel>
constexpr int blocks_at_once() {
    if constexpr (requires { Kernel::blocks_at_once; })
        return Kernel::blocks_at_once;
    else
        return 1;
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads, blocks_at_once<Kernel>())
    run_kernel(const Kernel kernel, long long first) {
    __shared__ typename Kernel::Shared shared;
    kernel(Block<Kernel::threads>{first + blockIdx.x}, shared);
}

template <class Kernel>
void launch(const Kernel& kernel, long long blocks, Stream stream) {
    constexpr long long most = 0x7fffffff;  // of one launch
    for (long long first = 0; first < blocks; first += most) {
        const dim3 grid(static_cast<unsigned>(std::min(blocks - first, most))), threads(Kernel::threads);
        void* arguments[] = {const_cast<Kernel*>(&kernel), &first};
        ++launch_count;
        // Says what became of this launch; cudaGetLastError might tell of another library's.
        const cudaError_t status = cudaLaunchKernel(reinterpret_cast<const void*>(&run_kernel<Kernel>), grid, threads,
                                                    arguments, 0, static_cast<cudaStream_t>(stream));
        if (status == cudaSuccess) continue;
        cudaGetLastError();
        throw Error(std::string("a kernel did not start: ") + cudaGetErrorString(status));
    }
}

}  // namespace

#else

// Runs work when the stream gets there; tests/native/runtime decides when.
void put_into(Stream stream, std::function<void()> work);

template <class Kernel>
void launch(const Kernel& kernel, long long blocks, Stream stream) {
    if (blocks <= 0) return;
    ++launch_count;
    put_into(stream, [kernel, blocks] {
        const auto shared = std::make_unique<typename Kernel::Shared>();
        for (long long index = 0; index < blocks; ++index) kernel(Block<Kernel::threads>{index}, *shared);
    });
}

#endif

}  // namespace npfuse::device
