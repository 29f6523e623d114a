#include "runtime/launch.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "runtime/elementwise_call.h"
#include "runtime/floating_point.h"
#include "runtime/isa.h"
#include "runtime/shared_rows.h"
#include "runtime/thread_pool.h"
#include "summation.h"

namespace npfuse::runtime {

// Every function here sets the floating-point environment for the calling thread; the pool's threads have set theirs.

namespace {

// Below this many elements a second thread costs more than it saves.
constexpr std::ptrdiff_t elements_per_thread = sum_segment;

// The fewest rows that a thread takes: whole tiles of short rows, and whole cache lines where rows are columns.
std::ptrdiff_t rows_per_thread(std::ptrdiff_t n, bool is_columns) {
    const std::ptrdiff_t rows = elements_per_thread / std::max<std::ptrdiff_t>(n, 1) + 1;
    const std::ptrdiff_t multiple = rows >= row_tile / 2 ? row_tile : is_columns ? row_tile / 4 : 1;
    return (rows + multiple - 1) / multiple * multiple;
}

std::ptrdiff_t compute_size(DType storage) { return storage == DType::float64 ? sizeof(double) : sizeof(float); }

// Room for so many sums, or null where there is no memory for them.
std::unique_ptr<double[]> zeros(std::ptrdiff_t count) {
    return std::unique_ptr<double[]>(new (std::nothrow) double[static_cast<std::size_t>(count)]());
}

void store_sum(double sum, char* sums, std::ptrdiff_t index, std::ptrdiff_t stride) {
    *reinterpret_cast<double*>(sums + index * stride) = sum;
}

// Sums for each column over bands of rows, each band by itself, the bands then added in order. How many rows make a
// band depends on the row's length alone, so the sum has the same bits for every number of threads.
// sum_band(first_row, rows, first_column, columns, sums) adds a band to zeros.
template <class SumBand>
void sum_by_bands(std::ptrdiff_t rows, std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride,
                  SumBand sum_band) {
    constexpr std::ptrdiff_t fewest_columns = 1024;
    const std::ptrdiff_t band = rows_per_band(columns), bands = (rows + band - 1) / band;
    const std::ptrdiff_t most_columns =
        std::max(fewest_columns,
                 scratch_limit / static_cast<std::ptrdiff_t>(sizeof(double)) / std::max<std::ptrdiff_t>(bands, 1));
    FloatingPointGuard guard;
    for (std::ptrdiff_t first = 0; first < columns;) {
        std::ptrdiff_t count = std::min(most_columns, columns - first);
        const std::unique_ptr<double[]> band_sums = zeros(bands * count);
        const auto run_band = [&](std::ptrdiff_t i, double* to) {
            sum_band(i * band, std::min(band, rows - i * band), first, count, to);
        };
        if (band_sums) {
            parallel_for(bands, 1, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                for (std::ptrdiff_t i = begin; i < end; ++i) run_band(i, band_sums.get() + i * count);
            });
            for (std::ptrdiff_t j = 0; j < count; ++j) {
                double sum = 0.0;
                for (std::ptrdiff_t i = 0; i < bands; ++i) sum += band_sums[static_cast<std::size_t>(i * count + j)];
                store_sum(sum, sums, first + j, sum_stride);
            }
        } else {
            count = std::min(fewest_columns, count);
            double totals[fewest_columns] = {}, sums_of_band[fewest_columns];
            for (std::ptrdiff_t i = 0; i < bands; ++i) {
                std::fill_n(sums_of_band, count, 0.0);
                run_band(i, sums_of_band);
                for (std::ptrdiff_t j = 0; j < count; ++j) totals[j] += sums_of_band[j];
            }
            for (std::ptrdiff_t j = 0; j < count; ++j) store_sum(totals[j], sums, first + j, sum_stride);
        }
        first += count;
    }
}

void run_parameter_per_row(const Elementwise& kernel, CallStorage storage, char* const* operands,
                           const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides,
                           std::ptrdiff_t rows, std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride) {
    const ParameterLoop loop = active_table().activations.parameter[static_cast<int>(storage)];
    // Long rows are summed in segments of fixed length, which are then added in order.
    const std::ptrdiff_t segments = (columns + sum_segment - 1) / sum_segment;
    const auto sum_of_segment = [&](std::ptrdiff_t row, std::ptrdiff_t segment) {
        const Shifted in_row(operands, row_strides, 4, row);
        const Shifted shifted(in_row.operands, element_strides, 4, segment * sum_segment);
        return loop(kernel, shifted.operands, row_strides, element_strides, 1,
                    std::min(sum_segment, columns - segment * sum_segment), nullptr);
    };
    const std::ptrdiff_t grain =
        std::max<std::ptrdiff_t>(1, elements_per_thread / std::max<std::ptrdiff_t>(columns, 1));
    const std::ptrdiff_t most_rows = std::max<std::ptrdiff_t>(
        1, scratch_limit / static_cast<std::ptrdiff_t>(sizeof(double)) / std::max<std::ptrdiff_t>(segments, 1));
    FloatingPointGuard guard;
    for (std::ptrdiff_t first = 0; first < rows; first += most_rows) {
        const std::ptrdiff_t count = std::min(most_rows, rows - first);
        const std::unique_ptr<double[]> partial = zeros(count * segments);
        if (partial)
            parallel_for(count * segments, grain, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
                for (std::ptrdiff_t i = begin; i < end; ++i)
                    partial[static_cast<std::size_t>(i)] = sum_of_segment(first + i / segments, i % segments);
            });
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            double sum = 0.0;
            for (std::ptrdiff_t j = 0; j < segments; ++j)
                sum += partial ? partial[static_cast<std::size_t>(i * segments + j)] : sum_of_segment(first + i, j);
            store_sum(sum, sums, first + i, sum_stride);
        }
    }
}

}  // namespace

void run_elementwise(const Elementwise& kernel, CallStorage storage, char* const* operands,
                     const std::ptrdiff_t* strides, std::ptrdiff_t n) {
    const ElementwiseCall call(kernel, storage, operands, strides, n);
    FloatingPointGuard guard;
    if (n > 1 && !call.is_independent()) return call.run_in_order();
    if (n <= elements_per_thread) return call.run_all();  // every step counts in a short call
    parallel_for(n, elements_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) { call.run(begin, end); });
}

void run_rows(const RowKernel& kernel, DType storage, char* const* operands, const std::ptrdiff_t* row_strides,
              const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t n) {
    const RowLoop loop = active_table().rows.loops[static_cast<int>(storage)];
    const std::ptrdiff_t item_size = stored_size(storage), computed_size = compute_size(storage);
    const bool is_computed_as_stored = item_size == computed_size;
    const int count = kernel.inputs + 1;
    const RowLayout layout =
        row_layout(kernel, item_size, is_computed_as_stored, row_strides, element_strides, rows, n);
    const bool is_columns = layout == RowLayout::columns;
    const bool needs_scratch = layout == RowLayout::other || (is_columns && !is_computed_as_stored);
    // Rows too long for the scratch are converted block by block, and so are all where there is no memory for it: a
    // call never fails half-way.
    const std::ptrdiff_t row_size = count * computed_size * std::max<std::ptrdiff_t>(n, 1);
    FloatingPointGuard guard;
    if (!is_columns) {
        const SharedRows shared(rows, n);
        if (shared.sharing())
            return loop(kernel, operands, row_strides, element_strides, rows, n, nullptr, 0, shared.sharing());
    }
    parallel_for(rows, rows_per_thread(n, is_columns), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const Shifted shifted(operands, row_strides, count, begin);
        std::ptrdiff_t scratch_rows =
            needs_scratch ? std::min<std::ptrdiff_t>({row_tile, end - begin, scratch_limit / row_size}) : 0;
        const std::unique_ptr<char[]> scratch(
            scratch_rows > 0 ? new (std::nothrow) char[static_cast<std::size_t>(scratch_rows * row_size)] : nullptr);
        if (!scratch) scratch_rows = 0;
        loop(kernel, shifted.operands, row_strides, element_strides, end - begin, n, scratch.get(), scratch_rows,
             nullptr);
    });
}

void run_maxout(const MaxoutLoop* loops, DType storage, char* const* operands, const std::ptrdiff_t* strides,
                std::ptrdiff_t n, std::ptrdiff_t pieces, std::ptrdiff_t piece_stride) {
    const MaxoutLoop loop = loops[static_cast<int>(storage)];
    FloatingPointGuard guard;
    parallel_for(n, elements_per_thread, [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const Shifted shifted(operands, strides, 3, begin);
        loop(shifted.operands, strides, end - begin, pieces, piece_stride);
    });
}

void run_bias(const Elementwise& kernel, CallStorage storage, char* const* operands, const std::ptrdiff_t* row_strides,
              const std::ptrdiff_t* element_strides, std::ptrdiff_t rows, std::ptrdiff_t columns) {
    if (rows == 0 || columns == 0) return;
    const BiasLoop loop = active_table().activations.bias[static_cast<int>(storage)];
    FloatingPointGuard guard;
    parallel_for(rows, rows_per_thread(columns, false), [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
        const Shifted shifted(operands, row_strides, kernel.inputs + 2, begin);
        loop(kernel, shifted.operands, row_strides, element_strides, end - begin, columns, nullptr);
    });
}

void run_bias_backward(const Elementwise& kernel, CallStorage storage, char* const* operands,
                       const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides, std::ptrdiff_t rows,
                       std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride) {
    const BiasLoop loop = active_table().activations.bias[static_cast<int>(storage)];
    const int count = kernel.inputs + 2;
    sum_by_bands(rows, columns, sums, sum_stride,
                 [&](std::ptrdiff_t first_row, std::ptrdiff_t band_rows, std::ptrdiff_t first_column,
                     std::ptrdiff_t band_columns, double* column_sums) {
                     const Shifted in_row(operands, row_strides, count, first_row);
                     const Shifted shifted(in_row.operands, element_strides, count, first_column);
                     loop(kernel, shifted.operands, row_strides, element_strides, band_rows, band_columns, column_sums);
                 });
}

void run_parameter(ParameterShape shape, const Elementwise& kernel, CallStorage storage, char* const* operands,
                   const std::ptrdiff_t* row_strides, const std::ptrdiff_t* element_strides, std::ptrdiff_t rows,
                   std::ptrdiff_t columns, char* sums, std::ptrdiff_t sum_stride) {
    if (shape == ParameterShape::per_row)
        return run_parameter_per_row(kernel, storage, operands, row_strides, element_strides, rows, columns, sums,
                                     sum_stride);
    const ParameterLoop loop = active_table().activations.parameter[static_cast<int>(storage)];
    sum_by_bands(rows, columns, sums, sum_stride,
                 [&](std::ptrdiff_t first_row, std::ptrdiff_t band_rows, std::ptrdiff_t first_column,
                     std::ptrdiff_t band_columns, double* column_sums) {
                     const Shifted in_row(operands, row_strides, 4, first_row);
                     const Shifted shifted(in_row.operands, element_strides, 4, first_column);
                     loop(kernel, shifted.operands, row_strides, element_strides, band_rows, band_columns, column_sums);
                 });
}

}  // namespace npfuse::runtime
