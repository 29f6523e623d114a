// The one thing that crosses the layers: a constant table of kernels per instruction set. loops/ fills it, runtime/
// picks one, bind/ reads it. Plain data and function pointers; no formula, no Python, no dynamic initialisation.
#pragma once

#include <cstddef>

#include "formulas/describe.h"

namespace npfuse {

// How the elements of an array are stored. Half types compute in float32.
enum class Storage { float16, bfloat16, float32, float64 };
inline constexpr int storage_count = 4;

inline constexpr int max_operands = 8;

template <class T>
struct Span {
    const T* first;
    std::size_t count;
    const T* begin() const { return first; }
    const T* end() const { return first + count; }
    const T& operator[](std::size_t i) const { return first[i]; }
};

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

// Rows of a matrix: a bias added to each, then an activation or its derivative. column_sums is null, or receives the
// sums over rows of what is written.
using BiasLoop = void (*)(const Elementwise& kernel, char* const* operands, const std::ptrdiff_t* row_strides,
                          const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t columns,
                          double* column_sums);

// A formula over one contiguous row, whose output may be one of its inputs.
template <class T>
using RowFunction = void (*)(const T* const* inputs, T* output, std::ptrdiff_t n);

struct RowKernel {
    int inputs;
    RowFunction<float> float32;
    RowFunction<double> float64;
};

// Rows of any stride and storage. scratch holds row_tile rows of the computing type for each operand.
inline constexpr int row_tile = 16;
using RowLoop = void (*)(const RowKernel& kernel, char* const* operands, const std::ptrdiff_t* row_strides,
                         const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t n, void* scratch);

struct RowOperation {
    const char* name;
    const Description* description;
    RowKernel forward;   // x -> y
    RowKernel backward;  // dy, y -> dx
};

// What a step is made with besides an optimizer's own settings; the same for every element.
struct UpdateSettings {
    double step;  // the first is 1
    double gradient_scale;
    double coupled_decay;    // times the parameter, added to the gradient
    double decoupled_decay;  // times the parameter, subtracted from it
};

// The numbers that a kernel works out once from both kinds of settings.
struct alignas(64) PreparedUpdate {
    unsigned char bytes[192];
};

inline constexpr int max_states = 3;

// An optimizer's step over contiguous memory, in place.
template <class T>
struct UpdateKernel {
    void (*prepare)(const UpdateSettings& common, const double* settings, PreparedUpdate& prepared);
    void (*run)(const PreparedUpdate& prepared, T* parameter, const T* gradient, T* const* states, std::ptrdiff_t n);
};

struct Optimizer {
    const char* name;
    Span<const char*> setting_names;
    Span<const char*> states;  // the names of the arrays it keeps for each parameter
    UpdateKernel<float> float32;
    UpdateKernel<double> float64;
};

// Numbers in memory, stride bytes apart, perhaps of the other byte order or not aligned.
struct Operand {
    char* data;
    std::ptrdiff_t stride;
    Storage storage;
    bool swapped, aligned;
};

struct UpdateOperands {
    Operand parameter, gradient;
    Operand states[max_states];
};

// A step over memory of any kind. It computes in the type that the parameter's storage computes in.
using UpdateLoop = void (*)(const Optimizer& optimizer, const PreparedUpdate& prepared, const UpdateOperands& operands,
                            std::ptrdiff_t n);

// Adds (factor x)^2 of n numbers to norm_lanes sums, that of number k to sum (first + k) mod norm_lanes.
inline constexpr int norm_lanes = 32;
using SquareLoop = void (*)(const Operand& operand, double factor, std::ptrdiff_t first, std::ptrdiff_t n,
                            double* lanes);

struct KernelTable {
    const char* isa;
    ElementwiseLoop elementwise[storage_count];
    BiasLoop bias[storage_count];
    RowLoop rows[storage_count];
    UpdateLoop update[storage_count];  // by the parameter's storage
    SquareLoop add_squares;
    Span<Activation> activations;
    Span<RowOperation> row_operations;
    Span<Optimizer> optimizers;
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
