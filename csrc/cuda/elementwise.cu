// Every elementwise formula of the registry as a CUDA kernel over contiguous device memory: the same text that the CPU
// runs, compiled for the GPU.
#define NPFUSE_ISA cuda
#include "../formulas/registry.h"

namespace npfuse::cuda {

template <class Operation, class T>
__global__ void forward(const T* x, T* y, long long n) {
    const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step)
        y[i] = Operation::forward(x[i]);
}

template <class Operation, class T>
__global__ void backward(const T* dy, const T* x, T* dx, long long n) {
    const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step)
        dx[i] = Operation::backward(dy[i], x[i]);
}

}  // namespace npfuse::cuda
