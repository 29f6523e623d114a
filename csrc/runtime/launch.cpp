#include "runtime/launch.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/thread_pool.h"
#include "summation.h"

namespace npfuse::runtime {

// Every function here sets the floating-point environment for the calling thread; the pool's threads have set theirs.

namespace {

// Below this many elements a second thread costs more than it saves.
constexpr std::ptrdiff_t elements_per_thread = sum_segment;
constexpr auto rows_per_thread = rows_per_band;

struct Shifted {
    char* operands[max_operands];
    Shifted(char* const* from, const std::ptrdiff_t* strides, int count, std::ptrdiff_t steps) {
        for (int i = 0; i < count; ++i) operands[i] = from[i] + steps * strides[i];
    }
};

std::size_t compute_size(Storage storage) { return storage == Storage::float64 ? sizeof(double) : sizeof(float); }

std::size_t stored_size(Storage storage) {
    switch (storage) {
        case Storage::float64:
            return 8;
        case Storage::float32:
            return 4;
        default:
            return 2;
    }
}

// Sums for each column over bands of rows, each band by itself, the bands then added in order. How many rows make a
// band depends on the row's length alone, so the sum has the same bits for every number of threads.
template <class SumBand>
bool sum_by_bands(std::ptrdiff_t rows, std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride,
                  SumBand sum_band) {
    const std::ptrdiff_t band = rows_per_band(columns);
    const std::ptrdiff_t bands = columns == 0 ? 0 : (rows + band - 1) / band;
    const std::unique_ptr<double[]> band_sums(new (std::nothrow) double[static_cast<std::size_t>(bands * columns)]());
    if (!band_sums) return false;
    FloatingPointGuard guard;
    parallel_for(bands, 1, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        for (std::ptrdiff_t i = begin; i < end; ++i)
            sum_band(i * band, std::min(band, rows - i * band), band_sums.get() + i * columns);
    });
    for (std::ptrdiff_t j = 0; j < columns; ++j) {
        double sum = 0.0;
        for (std::ptrdiff_t i = 0; i < bands; ++i) sum += band_sums[static_cast<std::size_t>(i * columns + j)];
        *reinterpret_cast<double*>(sums + j * sum_stride) = sum;
    }
    return true;
}

bool run_parameter_per_row(const Elementwise& kernel, Storage storage, char* const* operands,
                           const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides,
                           std::ptrdiff_t rows, std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride) {
    const ParameterLoop loop = active_table().parameter[static_cast<int>(storage)];
    // Long rows are summed in segments of fixed length, which are then added in order.
    const std::ptrdiff_t segments = (columns + sum_segment - 1) / sum_segment;
    const std::unique_ptr<double[]> partial(new (std::nothrow) double[static_cast<std::size_t>(rows * segments)]());
    if (!partial) return false;
    const std::ptrdiff_t grain =
        std::max<std::ptrdiff_t>(1, elements_per_thread / std::max<std::ptrdiff_t>(columns, 1));
    FloatingPointGuard guard;
    parallel_for(rows * segments, grain, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        for (std::ptrdiff_t i = begin; i < end; ++i) {
            const std::ptrdiff_t first = i % segments * sum_segment;
            const Shifted in_row(operands, row_strides, 4, i / segments);
            const Shifted shifted(in_row.operands, element_strides, 4, first);
            partial[static_cast<std::size_t>(i)] = loop(kernel, shifted.operands, row_strides, element_strides, 1,
                                                        std::min(sum_segment, columns - first), nullptr);
        }
    });
    for (std::ptrdiff_t i = 0; i < rows; ++i) {
        double sum = 0.0;
        for (std::ptrdiff_t j = 0; j < segments; ++j) sum += partial[static_cast<std::size_t>(i * segments + j)];
        *reinterpret_cast<double*>(sums + i * sum_stride) = sum;
    }
    return true;
}

}  // namespace

void run_elementwise(const Elementwise& kernel, Storage storage, char* const* operands, const std::ptrdiff_t* strides,
                     std::ptrdiff_t n) {
    const ElementwiseLoop loop = active_table().elementwise[static_cast<int>(storage)];
    FloatingPointGuard guard;
    if (n <= elements_per_thread) return loop(kernel, operands, strides, n);  // every step counts in a short call
    parallel_for(n, elements_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const Shifted shifted(operands, strides, kernel.inputs + kernel.outputs, begin);
        loop(kernel, shifted.operands, strides, end - begin);
    });
}

bool run_rows(const RowKernel& kernel, Storage storage, char* const* operands, const std::ptrdiff_t* row_strides,
              const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t n) {
    const RowLoop loop = active_table().rows[static_cast<int>(storage)];
    const int count = kernel.inputs + 1;
    bool direct = compute_size(storage) == stored_size(storage);
    for (int i = 0; i < count; ++i)
        direct &= !kernel.along_row[i] || element_strides[i] == static_cast<std::ptrdiff_t>(stored_size(storage));
    const std::size_t scratch_size = direct ? 0
                                            : compute_size(storage) *
                                                  static_cast<std::size_t>(std::max<std::ptrdiff_t>(n, 1)) * row_tile *
                                                  static_cast<std::size_t>(count);
    std::atomic<bool> enough_memory = true;
    FloatingPointGuard guard;
    parallel_for(rows, rows_per_thread(n), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const std::unique_ptr<char[]> scratch(scratch_size ? new (std::nothrow) char[scratch_size] : nullptr);
        if (scratch_size && !scratch) {
            enough_memory = false;
            return;
        }
        const Shifted shifted(operands, row_strides, count, begin);
        loop(kernel, shifted.operands, row_strides, element_strides, end - begin, n, scratch.get());
    });
    return enough_memory;
}

void run_maxout(const MaxoutLoop* loops, Storage storage, char* const* operands, const std::ptrdiff_t* strides,
                std::ptrdiff_t n, std::ptrdiff_t pieces, std::ptrdiff_t piece_stride) {
    const MaxoutLoop loop = loops[static_cast<int>(storage)];
    FloatingPointGuard guard;
    parallel_for(n, elements_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const Shifted shifted(operands, strides, 3, begin);
        loop(shifted.operands, strides, end - begin, pieces, piece_stride);
    });
}

void run_bias(const Elementwise& kernel, Storage storage, char* const* operands, const std::ptrdiff_t* row_strides,
              const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t columns) {
    if (rows == 0 || columns == 0) return;
    const BiasLoop loop = active_table().bias[static_cast<int>(storage)];
    FloatingPointGuard guard;
    parallel_for(rows, rows_per_thread(columns), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const Shifted shifted(operands, row_strides, kernel.inputs + 2, begin);
        loop(kernel, shifted.operands, row_strides, element_strides, end - begin, columns, nullptr);
    });
}

bool run_bias_backward(const Elementwise& kernel, Storage storage, char* const* operands,
                       const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides, std::ptrdiff_t rows,
                       std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride) {
    const BiasLoop loop = active_table().bias[static_cast<int>(storage)];
    return sum_by_bands(rows, columns, sums, sum_stride,
                        [&](std::ptrdiff_t first, std::ptrdiff_t count, double* column_sums) {
                            const Shifted shifted(operands, row_strides, kernel.inputs + 2, first);
                            loop(kernel, shifted.operands, row_strides, element_strides, count, columns, column_sums);
                        });
}

bool run_parameter(ParameterShape shape, const Elementwise& kernel, Storage storage, char* const* operands,
                   const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides, std::ptrdiff_t rows,
                   std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride) {
    if (shape == ParameterShape::per_row)
        return run_parameter_per_row(kernel, storage, operands, row_strides, element_strides, rows, columns, sums,
                                     sum_stride);
    const ParameterLoop loop = active_table().parameter[static_cast<int>(storage)];
    return sum_by_bands(rows, columns, sums, sum_stride,
                        [&](std::ptrdiff_t first, std::ptrdiff_t count, double* column_sums) {
                            const Shifted shifted(operands, row_strides, 4, first);
                            loop(kernel, shifted.operands, row_strides, element_strides, count, columns, column_sums);
                        });
}

}  // namespace npfuse::runtime
