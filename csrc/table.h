// The one thing that crosses the layers: a constant table of kernels per instruction set. loops/ fills it, runtime/
// picks one, bind/ reads it. Plain data and function pointers; no formula, no Python, no dynamic initialisation.
#pragma once

#include <cstddef>

#include "dtype.h"
#include "formulas/describe.h"
#include "loss_table.h"
#include "span.h"

namespace npfuse {

// How the operands of an activation are stored: all alike, or the parameters as float and the arrays as a half type.
// The latter is for parameters that are Python numbers: rounded to the half type first, they would spoil the result.
enum class CallStorage { float16, bfloat16, float32, float64, float16_with_float32, bfloat16_with_float32 };
inline constexpr int call_storage_count = 6;

inline constexpr int max_operands = 8;

// One formula over contiguous memory, n a multiple of what the widest register holds: code for what is left over would
// be the larger half of the library. An output may be one of the inputs, never overlap it otherwise.
template <class T>
inline constexpr std::ptrdiff_t kernel_chunk = 64 / sizeof(T);
template <class T>
using ContiguousKernel = void (*)(const T* const* inputs, T* const* outputs, std::ptrdiff_t n);

// One formula over contiguous arrays of one storage, each of its parameters being one number of the computing type:
// operands are the inputs, the parameters last, then the outputs. Returns how many of n numbers it did: the last few
// may be left over.
using StripLoop = std::ptrdiff_t (*)(char* const* operands, std::ptrdiff_t n);

struct Elementwise {
    int inputs;
    int parameters;  // among the inputs
    int outputs;
    ContiguousKernel<float> float32;
    ContiguousKernel<double> float64;
    StripLoop strips[floating_dtype_count];  // null where the contiguous kernels serve as well
};

// A formula over memory of any stride (in bytes) and storage: operands are the inputs, then the outputs.
using ElementwiseLoop = void (*)(const Elementwise& kernel, char* const* operands, const std::ptrdiff_t* strides,
                                 std::ptrdiff_t n);

struct Activation {
    const char* name;
    const Description* description;
    Span<Parameter> parameters;
    std::size_t required_parameters;  // all of them or none: those have no default
    Elementwise forward;              // x, parameters... -> y
    Elementwise backward;             // dy, x, parameters... -> dx
    // dy, x, parameter -> dx and what each element adds to the parameter's gradient; no kernel where none is learnt.
    Elementwise backward_with_parameter;
};

struct GatedActivation {
    const char* name;
    const Description* description;
    Elementwise forward;   // gate, x -> y
    Elementwise backward;  // dy, gate, x -> dgate, dx
};

// Rows of dy, x, parameter -> dx by a kernel whose second output is summed: for each column into column_sums, or, where
// that is null, altogether. Returns the latter.
using ParameterLoop = double (*)(const Elementwise& kernel, char* const* operands, const std::ptrdiff_t* row_strides,
                                 const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t columns,
                                 double* column_sums);

// Rows of a matrix: a bias added to each, then an activation or its derivative. column_sums is null, or receives the
// sums over rows of what is written.
using BiasLoop = void (*)(const Elementwise& kernel, char* const* operands, const std::ptrdiff_t* row_strides,
                          const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t columns,
                          double* column_sums);

// Contiguous rows, so many numbers apart.
template <class T>
struct Matrix {
    T* first;
    std::ptrdiff_t stride;
    // Inlined even without optimisation, so that the linker never lets instruction sets share one set's code.
    [[gnu::always_inline]] T* row(std::ptrdiff_t j) const { return first + j * stride; }
};

// A formula along so many rows or columns, each of n numbers. The output may be one of the inputs. An operand that does
// not run along has one number in each.
template <class T>
using MatrixFunction = void (*)(const Matrix<T>* inputs, const Matrix<T>& output, std::ptrdiff_t n,
                                std::ptrdiff_t count);

// A row of any stride and storage, seen block by block as contiguous numbers of the computing type.
template <class T>
struct StridedRow {
    char* first;
    std::ptrdiff_t stride;  // in bytes
    std::ptrdiff_t length;
    bool is_direct;  // contiguous numbers of the computing type already
    const T* (*load)(const char* source, std::ptrdiff_t stride, std::ptrdiff_t n, T* buffer);
    void (*store)(const T* block, char* target, std::ptrdiff_t stride, std::ptrdiff_t n);
};

// Elements of a row that are summed by themselves. These sums are then added in order, so that who computes which
// changes no bit.
inline constexpr std::ptrdiff_t run_length = 4096;
[[gnu::always_inline]] constexpr std::ptrdiff_t run_count(std::ptrdiff_t n) {
    return (n + run_length - 1) / run_length;
}

// How threads share the runs of one row: over(count, body, context) calls body(context, first, last) for ranges of
// [0, count). The buffer has run_buffer_size bytes for each run.
inline constexpr std::size_t run_buffer_size = 2 * sizeof(double);
struct RunSharing {
    void (*over)(std::ptrdiff_t count, void (*body)(void* context, std::ptrdiff_t first, std::ptrdiff_t last),
                 void* context);
    void* buffer;
};

// A formula along one row, block by block: one that is too long to be copied whole, or that threads share. The sharing
// is null where they do not.
template <class T>
using LongRowFunction = void (*)(const StridedRow<T>* inputs, const StridedRow<T>& output, std::ptrdiff_t n,
                                 const RunSharing* sharing);

struct RowKernel {
    const char* signature;  // as NumPy's generalised ufuncs write it
    int inputs;
    bool along_row[max_operands];
    std::ptrdiff_t longest_transposed;  // rows up to this length run as columns, a tile of them at a time
    MatrixFunction<float> rows_float32;
    MatrixFunction<double> rows_float64;
    MatrixFunction<float> columns_float32;
    MatrixFunction<double> columns_float64;
    LongRowFunction<float> long_row_float32;
    LongRowFunction<double> long_row_float64;
};

// How the rows of all operands lie in memory.
enum class RowLayout {
    contiguous,  // in the computing type, so that a kernel runs on them as they are
    columns,     // neighbours in memory belong to different rows, as along axis 0
    other,
};

// Strides are in bytes. Inlined even without optimisation, so that the linker never lets instruction sets share one
// set's code.
[[gnu::always_inline]] inline RowLayout row_layout(const RowKernel& kernel, std::ptrdiff_t item_size,
                                                   bool is_computed_as_stored, const std::ptrdiff_t* row_strides,
                                                   const std::ptrdiff_t* element_strides, std::ptrdiff_t rows,
                                                   std::ptrdiff_t n) {
    bool contiguous = is_computed_as_stored, columns = n > 1 && rows > 1;
    for (int i = 0; i <= kernel.inputs; ++i) {
        const std::ptrdiff_t stride = element_strides[i] < 0 ? -element_strides[i] : element_strides[i];
        columns &= row_strides[i] == item_size && (!kernel.along_row[i] || stride > item_size);
        contiguous &= !kernel.along_row[i] || n == 1 || element_strides[i] == item_size;
    }
    return columns ? RowLayout::columns : contiguous ? RowLayout::contiguous : RowLayout::other;
}

// Rows of any stride and storage. Those that are not contiguous in the computing type go through scratch, which holds
// scratch_rows of them for each operand, at most row_tile; block by block where that is 0, and where threads share each
// row.
inline constexpr int row_tile = 64;
using RowLoop = void (*)(const RowKernel& kernel, char* const* operands, const std::ptrdiff_t* row_strides,
                         const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t n, void* scratch,
                         std::ptrdiff_t scratch_rows, const RunSharing* sharing);

// Of maxout: x -> y, index of the winner (int32, or null with stride 0); and back: dy, index -> dx. x and dx have
// pieces piece_stride bytes apart for every element of the others.
using MaxoutLoop = void (*)(char* const* operands, const std::ptrdiff_t* strides, std::ptrdiff_t n,
                            std::ptrdiff_t pieces, std::ptrdiff_t piece_stride);

struct RowOperation {
    const char* name;
    const Description* description;
    RowKernel forward;   // x -> y
    RowKernel backward;  // dy, y -> dx, or dy, x -> dx
};

// What a step needs in addition to an optimizer's own settings; the same for every element.
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
    DType storage;
    bool swapped, aligned;
};

// Where bfloat16 is to be rounded up or down at random: what the random bits depend on, in addition to the element.
struct StochasticRounding {
    unsigned long long seed;
    unsigned array, step;
};

struct UpdateOperands {
    Operand parameter, gradient;
    Operand states[max_states];
    Operand copy;                        // takes the parameter too, in its own storage, where data is not null
    const StochasticRounding* rounding;  // of a bfloat16 parameter, or null
    std::ptrdiff_t first;                // the number of the first element in its array
};

// A step over memory of any kind. It computes in the type that the parameter's storage computes in.
using UpdateLoop = void (*)(const Optimizer& optimizer, const PreparedUpdate& prepared, const UpdateOperands& operands,
                            std::ptrdiff_t n);

// The sum of several rows of gradients, in the type that the parameter's storage computes in. The operand is the first
// of them; row i lies rows[i] - rows[0] times stride bytes from it. At most max_row_sum numbers, for which sums has
// room.
inline constexpr std::ptrdiff_t max_row_sum = 1024;
using RowSumLoop = void (*)(const Operand& gradient, const std::ptrdiff_t* rows, std::ptrdiff_t count,
                            std::ptrdiff_t stride, std::ptrdiff_t n, void* sums);

// Adds (factor x)^2 of n numbers to norm_lanes sums, that of number k to sum (first + k) mod norm_lanes.
inline constexpr int norm_lanes = 32;
using SquareLoop = void (*)(const Operand& operand, double factor, std::ptrdiff_t first, std::ptrdiff_t n,
                            double* lanes);

// Multiplies n numbers by a factor below 1, in place: in double, rounded once.
using ScaleLoop = void (*)(const Operand& operand, double factor, std::ptrdiff_t n);

// One instruction set's loops and operations, by family.
struct ActivationTable {
    ElementwiseLoop elementwise[call_storage_count];
    BiasLoop bias[call_storage_count];
    ParameterLoop parameter[call_storage_count];
    MaxoutLoop maxout[floating_dtype_count];
    MaxoutLoop maxout_backward[floating_dtype_count];
    Span<Activation> activations;
    Span<GatedActivation> gated_activations;
};

struct RowTable {
    RowLoop loops[floating_dtype_count];
    Span<RowOperation> operations;
};

struct LossTable {
    LossLoop float32;
    LossLoop float64;
    MinReduceLoop min_reduce;
    Span<Loss> losses;
};

struct RowLossTable {
    RowLossLoop weights_of_probabilities;  // the sum of what the rows count for
    Span<RowLoss> losses;
};

struct OptimizerTable {
    UpdateLoop update[floating_dtype_count];  // by the parameter's storage
    RowSumLoop sum_rows[floating_dtype_count];
    SquareLoop add_squares;
    ScaleLoop scale[floating_dtype_count];
    Span<Optimizer> optimizers;
};

// isa/ compiles a file for each family, and each file for each instruction set.
struct KernelTable {
    const char* isa;
    const ActivationTable& activations;
    const RowTable& rows;
    const LossTable& losses;
    const RowLossTable& row_losses;
    const OptimizerTable& optimizers;
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
