// What crosses from the GPU's kernels to Python: names and functions that launch. Like csrc/table.h, but the operands
// lie in device memory, and every function returns when the work is in the stream.
#pragma once

#include "../table.h"
#include "device.h"

namespace npfuse::device {

// Contiguous numbers in device memory, or one number for all elements where data is null.
struct Input {
    const void* data;
    double value;
};

struct ElementwiseCall {
    Input inputs[max_operands];
    void* outputs[2];
    long long n;
    long long columns;  // the length of a row, where one of these is of rows, else 0
    const void* bias;   // added along rows to what an activation is computed of; may be null
    bool halved_inputs[max_operands], halved_outputs;  // whose rows are every other one of an array
};

using ElementwiseLauncher = void (*)(const ElementwiseCall& call, Stream stream);

struct Elementwise {
    int inputs, outputs;
    ElementwiseLauncher launch[floating_dtype_count];
};

// Rows along the middle axis of C-contiguous arrays of shape (outer, n, inner); rows is outer * inner.
struct RowsCall {
    const void* inputs[2];
    void* output;
    long long rows, n, inner;
};

struct RowsKernels {
    void (*launch[floating_dtype_count])(const RowsCall& call, Stream stream);
};

struct RowOperation {
    RowsKernels forward;   // x -> y
    RowsKernels backward;  // dy, y -> dx, or dy, x -> dx
};

// parts is of shape (outer, pieces, inner), whole and index of shape (outer, inner) and size n.
struct MaxoutCall {
    void* parts;
    void* whole;
    int* index;
    long long n;
    int pieces;
    long long inner;
};

using MaxoutLauncher = void (*)(const MaxoutCall& call, Stream stream);

// A matrix in C order, of which a formula makes a number for each element and sums. An input has a number for each
// element, or period numbers: one for each column, or, where sums are for rows, one for each of so many rows.
struct MatrixInput {
    const void* data;
    long long period;  // 0: a number for each element
    double value;      // for all elements, where data is null
};

struct MatrixCall {
    MatrixInput inputs[max_operands];
    void* output;
    void* sums;       // as many as the period of what is summed for
    double* partial;  // scratch
    long long rows, columns, period;
};

struct MatrixKernels {
    void (*launch[floating_dtype_count])(const MatrixCall& call, Stream stream);
};

// A call of an elementwise loss over contiguous memory, all of it stored alike.
struct LossCall {
    Input inputs[max_loss_inputs];  // prediction, target and what else the formula takes
    const void* weight;             // null: all 1
    void* values;                   // null where only their sum is wanted
    void* gradient;                 // null: not wanted
    double* sums;                   // one for each loss_block_length elements
    long long n;
    int variant;  // by the loss's flags
    double parameters[max_loss_parameters];
    double scale;  // what the gradient is multiplied by
};

struct Loss {
    const char* name;
    Span<Parameter> operands;  // inputs after the prediction and the target
    Span<Parameter> parameters;
    Span<Flag> flags;
    void (*launch[floating_dtype_count])(const LossCall& call, Stream stream);
};

// A call of a loss of rows: rows.inputs are the prediction and the probabilities, if these are the targets; rows.output
// is the gradient, or null.
struct RowLossCall : RowLossSettings {
    RowsCall rows;
    const void* labels;  // one for each row, of 32 or 64 bits; null where targets are probabilities
    bool wide_labels;
    long long ignore_index;
    double* values;       // one for each row
    void* stored_values;  // the same, stored as the prediction is; may be null
};

struct RowLoss {
    const char* name;
    const char* prediction;
    Span<Parameter> parameters;
    bool takes_probabilities;
    void (*launch[floating_dtype_count])(const RowLossCall& call, Stream stream);
};

// What each row counts for: where targets are labels, 0 if it is ignored, NaN if its label is no class. The storage is
// that of probabilities.
void weigh_rows(const RowLossCall& call, DType storage, double* weights, Stream stream);

// The sums, one after the other, of every `length` of n values, divided by a number.
void sum_values(const double* values, long long n, long long length, double divisor, double* sums, Stream stream);

// One of many arrays that an optimizer updates at once, contiguous like all that belongs to it.
struct UpdateRecord {
    void* parameter;
    const void* gradient;
    void* states[max_states];
    void* copy;  // takes the parameter too, in its own storage, where it is not null
    long long size;
    long long first;       // the number of the first element in its array
    long long first_tile;  // the arrays' elements are dealt out in tiles
    unsigned array;        // the array's number, for random bits
    unsigned char parameter_storage, gradient_storage, copy_storage;
    unsigned char aligned;  // every pointer to 16 bytes
};

inline constexpr int update_tile = 2048;

struct UpdateCall {
    const UpdateRecord* records;  // in device memory
    const int* record_of_tile;    // likewise
    long long first_tile, tiles;
    bool rounds_at_random;
    unsigned long long seed;
};

struct Optimizer {
    const char* name;
    std::size_t settings;
    using Launcher = void (*)(const UpdateCall& call, const UpdateSettings& common, const double* settings,
                              Stream stream);
    Launcher float32, float64;
};

// Sums of (factor x)^2 over the blocks of many arrays of contiguous numbers.
struct NormRecord {
    const void* data;
    long long size;
    long long first_block;
    long long storage;
};

struct SquaresCall {
    const NormRecord* records;   // in device memory, like the rest
    const int* record_of_block;  // whose blocks follow each other, norm_block_length elements each
    long long blocks;
    double factor;
    double* sums;  // one for each block
};
void sum_squares(const SquaresCall& call, Stream stream);

// The sums of rows of gradients that belong to the same row, added in double in the order in which they are named:
// those of target row r are the given rows order[ends[r - 1]] to order[ends[r] - 1].
struct RowSumCall {
    const void* gradients;
    DType storage;
    bool to_double;  // else the sums are float
    const long long* ends;
    const long long* order;
    long long rows, length;
    void* sums;
};
void sum_rows(const RowSumCall& call, Stream stream);

// Every number times a factor, in place.
struct ScaleCall {
    void* data;
    DType storage;
    long long n;
    double factor;
};
void scale(const ScaleCall& call, Stream stream);

inline constexpr int max_copied_dimensions = 32;

// Elements of an array of any strides (in bytes), in C order of its shape, to or from contiguous memory.
struct CopyCall {
    char* strided;
    char* contiguous;
    int item_size, dimensions;
    long long shape[max_copied_dimensions], strides[max_copied_dimensions];
    long long n;
};

void gather(const CopyCall& call, Stream stream);
void scatter(const CopyCall& call, Stream stream);

// One entry for each operation of the registry, in its order; each family is compiled by itself.
Span<Elementwise> activations_forward();   // x, parameters... -> y
Span<Elementwise> activations_backward();  // dy, x, parameters... -> dx
Span<Elementwise> gated_forward();         // gate, x -> y
Span<Elementwise> gated_backward();        // dy, gate, x -> dgate, dx
Span<RowOperation> row_operations();
Span<MatrixKernels> bias_backward();  // of activations: dy, x, bias, parameters... -> dx, and its sums over rows

// Of activations, null where no parameter is learnt: dy, x, parameter -> dx, and the parameter's gradient, one for each
// column, or one for each of `period` rows.
Span<MatrixKernels> parameter_backward_by_column();
Span<MatrixKernels> parameter_backward_by_row();
Span<Optimizer> optimizers();
Span<Loss> losses();
Span<RowLoss> row_losses();

// By storage.
Span<MaxoutLauncher> maxout();
Span<MaxoutLauncher> maxout_backward();

}  // namespace npfuse::device
