// What crosses the layers for losses: arrays of any shape, what is asked of a loss, and its kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.h"
#include "formulas/describe.h"
#include "formulas/row_loss_settings.h"
#include "span.h"

namespace npfuse {

inline constexpr int max_dimensions = 64;

// An array whose elements follow each other in C order of its shape. Neighbouring dimensions that can be walked as one
// have been joined: contiguous memory, and a single repeated element, have one dimension.
struct View {
    char* data = nullptr;  // null: no array
    DType dtype;
    int dimensions;
    std::ptrdiff_t shape[max_dimensions];
    std::ptrdiff_t strides[max_dimensions];
};

inline constexpr int max_loss_inputs = 3;
inline constexpr int max_loss_variants = 2;

// A call of an elementwise loss. Every view has as many elements as the prediction; which outputs are null says what
// is wanted in addition to the sum of the values. Outputs are stored as the prediction is.
struct LossCall {
    View inputs[max_loss_inputs];  // prediction, target and what else the formula takes
    View weight;
    View values;
    View gradient;
    int variant;  // which of the kernels, by the loss's flags
    double parameters[max_loss_parameters];
    double scale;  // what the gradient is multiplied by
};

// One loss over contiguous memory, computed in T. n is a multiple of loss_chunk.
inline constexpr std::ptrdiff_t loss_chunk = 32;

template <class T>
struct LossKernels {
    // Writes values and scaled gradients.
    using Separate = void (*)(const T* const* inputs, const double* parameters, double scale, double* values,
                              T* gradient, std::ptrdiff_t n);
    // Adds the values to lane sums (loops/lanes.h) at once.
    using Fused = void (*)(const T* const* inputs, const double* parameters, double scale, double* lanes, T* gradient,
                           std::ptrdiff_t n);
    Separate separate;
    Fused fused;
};

struct Loss {
    const char* name;
    const Description* description;
    Span<Parameter> operands;  // inputs after the prediction and the target
    Span<Parameter> parameters;
    Span<Flag> flags;
    int (*variant_for)(const double* parameters);   // chooses the kernels where flags don't; null elsewhere
    LossKernels<float> float32[max_loss_variants];  // by flag i in bit i of the index, or by variant_for
    LossKernels<double> float64[max_loss_variants];
};

// Elements whose values are summed by themselves. These sums are then added in order, so that how the blocks are dealt
// out to threads changes no bit.
inline constexpr std::ptrdiff_t loss_block_length = 32768;

// Elements [begin, end) of a call, at most loss_block_length of them; the sum of their values.
using LossLoop = double (*)(const Loss& loss, const LossCall& call, std::ptrdiff_t begin, std::ptrdiff_t end);

// The smallest of elements [begin, end) of an array, of which NaN is none; infinity where there is no number.
using MinReduceLoop = double (*)(const View& view, std::ptrdiff_t begin, std::ptrdiff_t end);

// The rows of an array: where each starts, rows in C order, and the way from one of its elements to the next.
struct RowView {
    View starts;
    std::ptrdiff_t stride;
};

// A call of a loss over rows of class scores.
struct RowLossCall : RowLossSettings {
    RowView pred;
    std::ptrdiff_t classes;
    const std::int64_t* labels;  // one for each row, within range or ignore_index; null where there are none
    std::int64_t ignore_index;
    RowView probabilities;
    View values;  // one for each row, stored as the prediction is; may be null
    RowView gradient;
};

struct RunSharing;

// Rows [begin, end) of a call; the sum of their values. scratch holds scratch_rows rows of the computing type, at most
// row_loss_tile, where rows are not contiguous in it already. The sharing is null where threads do not share each row.
inline constexpr std::ptrdiff_t row_loss_tile = 16;
using RowLossLoop = double (*)(const RowLossCall& call, std::ptrdiff_t begin, std::ptrdiff_t end, void* scratch,
                               std::ptrdiff_t scratch_rows, const RunSharing* sharing);

struct RowLoss {
    const char* name;
    const char* prediction;  // the name of its first argument
    const Description* description;
    Span<Parameter> parameters;
    bool takes_probabilities;
    RowLossLoop float32;
    RowLossLoop float64;
};

}  // namespace npfuse
