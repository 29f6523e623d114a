// The one thing that crosses the layers: a constant table of kernels per instruction set. loops/ fills it, runtime/
// picks one, bind/ reads it. Plain data and function pointers; no formula, no Python, no dynamic initialisation.
#pragma once

#include <cstddef>

#include "formulas/describe.h"
#include "loss_table.h"
#include "span.h"

namespace npfuse {

// How the elements of an array are stored. Half types compute in float32.
enum class Storage { float16, bfloat16, float32, float64 };
inline constexpr int storage_count = 4;

inline constexpr int max_operands = 8;

// One formula over contiguous memory. An output may be one of the inputs, never overlap it otherwise.
template <class T>
using ContiguousKernel = void (*)(const T* const* inputs, T* const* outputs, std::ptrdiff_t n);

struct Elementwise {
    int inputs;
    int outputs;
    ContiguousKernel<float> float32;
    ContiguousKernel<double> float64;
};

// A formula over memory of any stride (in bytes) and storage: operands are the inputs, then the outputs.
using ElementwiseLoop = void (*)(const Elementwise& kernel, char* const* operands, const std::ptrdiff_t* strides,
                                 std::ptrdiff_t n);

struct Activation {
    const char* name;
    const Description* description;
    Span<Parameter> parameters;
    Elementwise forward;   // x, parameters... -> y
    Elementwise backward;  // dy, x, parameters... -> dx
};

struct KernelTable {
    const char* isa;
    ElementwiseLoop elementwise[storage_count];
    LossLoop losses_float32;
    LossLoop losses_float64;
    Span<Activation> activations;
    Span<Loss> losses;
    Span<RowLoss> row_losses;
};

#if defined(__x86_64__)
namespace x86_64_v2 {
extern const KernelTable table;
}
namespace x86_64_v3 {
extern const KernelTable table;
}
namespace x86_64_v4 {
extern const KernelTable table;
}
#elif defined(__aarch64__)
namespace neon {
extern const KernelTable table;
}
#endif

}  // namespace npfuse
