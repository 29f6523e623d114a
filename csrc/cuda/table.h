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

// Added along the last axis to what an activation is computed of; none where data is null.
struct Bias {
    const void* data;
    long long columns;
};

struct ElementwiseCall {
    Input inputs[max_operands];
    void* outputs[2];
    long long n;
    Bias bias;
};

using ElementwiseLauncher = void (*)(const ElementwiseCall& call, Stream stream);

struct Elementwise {
    int inputs, outputs;
    ElementwiseLauncher launch[storage_count];
};

// Rows along the middle axis of C-contiguous arrays of shape (outer, n, inner); rows is outer * inner.
struct RowsCall {
    const void* inputs[2];
    void* output;
    long long rows, n, inner;
};

struct RowsKernels {
    void (*launch[storage_count])(const RowsCall& call, Stream stream);
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

// By storage.
Span<MaxoutLauncher> maxout();
Span<MaxoutLauncher> maxout_backward();

}  // namespace npfuse::device
