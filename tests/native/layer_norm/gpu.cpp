// The kernels of a GPU, run on the host.
#define NPFUSE_ISA cuda
#include "cuda/rows.h"
#include "formula.h"

namespace npfuse::device {

void put_into(Stream, std::function<void()> work) { work(); }

template <class S>
void layer_norm(const void* x, void* y, long long rows, long long n, long long inner) {
    cuda::launch_rows<cuda::LayerNorm, S>({{x, nullptr}, y, rows, n, inner}, nullptr);
}

extern "C" {
void gpu_layer_norm_float16(const void* x, void* y, long long rows, long long n, long long inner) {
    layer_norm<cuda::float16>(x, y, rows, n, inner);
}
void gpu_layer_norm_float32(const void* x, void* y, long long rows, long long n, long long inner) {
    layer_norm<float>(x, y, rows, n, inner);
}
void gpu_layer_norm_float64(const void* x, void* y, long long rows, long long n, long long inner) {
    layer_norm<double>(x, y, rows, n, inner);
}
}

}  // namespace npfuse::device
