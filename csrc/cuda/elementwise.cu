// Every elementwise formula of the registry as a CUDA kernel over contiguous device memory: the same text that the CPU
// runs, compiled for the GPU. No launcher uses them yet; tools/compile_cuda.sh holds that nvcc takes every formula.
#define NPFUSE_ISA cuda
#include "../formulas/registry.h"

namespace npfuse::cuda {

template <class Operation>
constexpr int parameter_count() {
    if constexpr (requires { Operation::parameters; })
        return sizeof(Operation::parameters) / sizeof(Parameter);
    else
        return 0;
}

template <class Operation, class T>
__global__ void forward(const T* x, T* y, long long n, T first, T second) {
    const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
        if constexpr (parameter_count<Operation>() == 0)
            y[i] = Operation::forward(x[i]);
        else if constexpr (parameter_count<Operation>() == 1)
            y[i] = Operation::forward(x[i], first);
        else
            y[i] = Operation::forward(x[i], first, second);
    }
}

template <class Operation, class T>
__global__ void backward(const T* dy, const T* x, T* dx, long long n, T first, T second) {
    const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
        if constexpr (parameter_count<Operation>() == 0)
            dx[i] = Operation::backward(dy[i], x[i]);
        else if constexpr (parameter_count<Operation>() == 1)
            dx[i] = Operation::backward(dy[i], x[i], first);
        else
            dx[i] = Operation::backward(dy[i], x[i], first, second);
    }
}

struct Kernels {
    void (*forward_float)(const float*, float*, long long, float, float);
    void (*forward_double)(const double*, double*, long long, double, double);
    void (*backward_float)(const float*, const float*, float*, long long, float, float);
    void (*backward_double)(const double*, const double*, double*, long long, double, double);
};

template <class... Operations>
struct KernelsOf;
template <class... Operations>
struct KernelsOf<List<Operations...>> {
    static constexpr int count = sizeof...(Operations);
    static Kernels get(int i) {
        static const Kernels entries[] = {{forward<Operations, float>, forward<Operations, double>,
                                           backward<Operations, float>, backward<Operations, double>}...};
        return entries[i];
    }
};

Kernels activation_kernels(int i) { return KernelsOf<Activations>::get(i); }

}  // namespace npfuse::cuda
