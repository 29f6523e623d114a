// A kernel on its way to memory: the floating-point environment set, the work split over threads, the loop of the
// chosen instruction set called.
#pragma once

#include <cstddef>

#include "table.h"

namespace npfuse::runtime {

void run_elementwise(const Elementwise& kernel, CallStorage storage, char* const* operands,
                     const std::ptrdiff_t* strides, std::ptrdiff_t n);

void run_rows(const RowKernel& kernel, DType storage, char* const* operands, const std::ptrdiff_t* row_strides,
              const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t n);

void run_maxout(const MaxoutLoop* loops, DType storage, char* const* operands, const std::ptrdiff_t* strides,
                std::ptrdiff_t n, std::ptrdiff_t pieces, std::ptrdiff_t piece_stride);

// The forward pass of a bias and an activation over rows.
void run_bias(const Elementwise& kernel, CallStorage storage, char* const* operands, const std::ptrdiff_t* row_strides,
              const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t columns);

// The backward pass, which also writes the sums over rows of the gradient, doubles sum_stride bytes apart.
void run_bias_backward(const Elementwise& kernel, CallStorage storage, char* const* operands,
                       const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides, std::ptrdiff_t rows,
                       std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride);

// The gradient of a parameter that every row, or every column, has its own of: doubles at sums, sum_stride bytes apart.
enum class ParameterShape { per_row, per_column };
void run_parameter(ParameterShape shape, const Elementwise& kernel, CallStorage storage, char* const* operands,
                   const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides, std::ptrdiff_t rows,
                   std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride);

}  // namespace npfuse::runtime
