// How a kernel for one contiguous row runs over rows of any stride and storage.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "column_tile.h"
#include "interleaved_rows.h"
#include "long_row.h"
#include "storage.h"
#include "transpose.h"

NPFUSE_FORMULAS_BEGIN

// One operand of some rows: where they are, and how many elements of each the kernel sees.
struct RowsOperand {
    char* first;
    ptrdiff_t row_stride;
    ptrdiff_t element_stride;
    ptrdiff_t length;

    char* row(ptrdiff_t index) const { return first + index * row_stride; }

    template <class S>
    bool is_direct() const {
        return __is_same(S, compute_t<S>) && (length == 1 || element_stride == ptrdiff_t(sizeof(S)));
    }
    // A cache line is used whole only by many rows at a time. One row's stride says nothing.
    bool runs_across(ptrdiff_t rows) const {
        if (rows == 1) return false;
        const ptrdiff_t along = element_stride < 0 ? -element_stride : element_stride;
        const ptrdiff_t across = row_stride < 0 ? -row_stride : row_stride;
        return across < along;
    }
};

// A tile of rows that are columns, from and to memory where they are.
template <class S>
inline void load_columns(const RowsOperand& operand, ptrdiff_t first, ptrdiff_t rows,
                         const Matrix<compute_t<S>>& tile) {
    for (ptrdiff_t j = 0; j < operand.length; ++j)
        load_contiguous(reinterpret_cast<const S*>(operand.row(first) + j * operand.element_stride), tile.row(j), rows);
}

template <class S>
inline void store_columns(const Matrix<compute_t<S>>& tile, const RowsOperand& operand, ptrdiff_t first,
                          ptrdiff_t rows) {
    for (ptrdiff_t j = 0; j < operand.length; ++j)
        store_contiguous(tile.row(j), reinterpret_cast<S*>(operand.row(first) + j * operand.element_stride), rows);
}

template <class S>
inline void load_rows(const RowsOperand& operand, ptrdiff_t first, ptrdiff_t rows, compute_t<S>* tile) {
    if (operand.runs_across(rows)) {
        for (ptrdiff_t j = 0; j < operand.length; ++j)
            for (ptrdiff_t r = 0; r < rows; ++r)
                tile[r * operand.length + j] =
                    to_compute(*reinterpret_cast<const S*>(operand.row(first + r) + j * operand.element_stride));
        return;
    }
    for (ptrdiff_t r = 0; r < rows; ++r) {
        compute_t<S>* row = tile + r * operand.length;
        const compute_t<S>* loaded = load_block<S>(operand.row(first + r), operand.element_stride, operand.length, row);
        if (loaded != row) __builtin_memcpy(row, loaded, size_t(operand.length) * sizeof *row);
    }
}

template <class S>
inline void store_rows(const compute_t<S>* tile, const RowsOperand& operand, ptrdiff_t first, ptrdiff_t rows) {
    if (operand.runs_across(rows)) {
        for (ptrdiff_t j = 0; j < operand.length; ++j)
            for (ptrdiff_t r = 0; r < rows; ++r)
                from_compute(tile[r * operand.length + j],
                             *reinterpret_cast<S*>(operand.row(first + r) + j * operand.element_stride));
        return;
    }
    for (ptrdiff_t r = 0; r < rows; ++r)
        store_block<S>(tile + r * operand.length, operand.row(first + r), operand.element_stride, operand.length);
}

template <class T>
inline MatrixFunction<T> row_function_for(const RowKernel& kernel) {
    if constexpr (__is_same(T, float))
        return kernel.rows_float32;
    else
        return kernel.rows_float64;
}

template <class T>
inline MatrixFunction<T> column_function_for(const RowKernel& kernel) {
    if constexpr (__is_same(T, float))
        return kernel.columns_float32;
    else
        return kernel.columns_float64;
}

template <class T>
inline LongRowFunction<T> long_row_function_for(const RowKernel& kernel) {
    if constexpr (__is_same(T, float))
        return kernel.long_row_float32;
    else
        return kernel.long_row_float64;
}

template <class S>
inline void run_long_rows(const RowKernel& kernel, const RowsOperand* operand, ptrdiff_t first, ptrdiff_t count,
                          ptrdiff_t n, const RunSharing* sharing) {
    using T = compute_t<S>;
    for (ptrdiff_t r = first; r < first + count; ++r) {
        StridedRow<T> row[max_operands];
        for (int i = 0; i <= kernel.inputs; ++i)
            row[i] = {operand[i].row(r), operand[i].element_stride,
                      operand[i].length, operand[i].template is_direct<S>(),
                      load_block<S>,     store_block<S>};
        long_row_function_for<T>(kernel)(row, row[kernel.inputs], n, sharing);
    }
}

// Rows that are columns in memory: in place, or, half types, through scratch.
template <class S>
inline void run_column_tiles(const RowKernel& kernel, const RowsOperand* operand, ptrdiff_t rows, ptrdiff_t n,
                             compute_t<S>* scratch, ptrdiff_t tile_rows) {
    using T = compute_t<S>;
    const int output = kernel.inputs;
    for (ptrdiff_t first = 0; first < rows; first += tile_rows) {
        const ptrdiff_t tile = smaller(rows - first, tile_rows);
        Matrix<T> columns[max_operands];
        for (int i = 0; i <= output; ++i) {
            if constexpr (__is_same(S, T)) {
                columns[i] = {reinterpret_cast<T*>(operand[i].row(first)),
                              operand[i].element_stride / ptrdiff_t(sizeof(T))};
            } else {
                columns[i] = {scratch + i * tile_rows * n, tile_rows};
                if (i < output) load_columns<S>(operand[i], first, tile, columns[i]);
            }
        }
        column_function_for<T>(kernel)(columns, columns[output], n, tile);
        if constexpr (!__is_same(S, T)) store_columns<S>(columns[output], operand[output], first, tile);
    }
}

// One by one, short rows would hardly fill the registers: a tile of them is transposed. From these lengths on
// (measured on Zen 4) that takes longer than it saves, the less there is to compute.
inline constexpr ptrdiff_t longest_transposed = 31, longest_transposed_cheap = 15;

// A tile of such rows, each operand's elements j behind one another; those that it has beyond count are copies of the
// first row.
template <class S>
class TransposedTile {
public:
    using T = compute_t<S>;
    using ColumnTile = T[row_tile];

    void load(const RowsOperand& operand, ptrdiff_t first, ptrdiff_t count, ColumnTile* tile) {
        if (operand.is_direct<S>() || is_converted) {
            if constexpr (is_converted) load_rows<S>(operand, first, count, copies_);
            const T* rows[row_tile];
            for (ptrdiff_t r = 0; r < row_tile; ++r) rows[r] = row_at(operand, first, r < count ? r : 0);
            return transpose_rows(rows, operand.length, tile);
        }
        for (ptrdiff_t r = 0; r < row_tile; ++r) {
            const char* row = operand.row(first + (r < count ? r : 0));
            for (ptrdiff_t j = 0; j < operand.length; ++j)
                tile[j][r] = *reinterpret_cast<const T*>(row + j * operand.element_stride);
        }
    }

    void store(const ColumnTile* tile, const RowsOperand& operand, ptrdiff_t first, ptrdiff_t count) {
        if (operand.is_direct<S>() || is_converted) {
            T unwanted[longest_transposed];
            T* rows[row_tile];
            for (ptrdiff_t r = 0; r < row_tile; ++r) rows[r] = r < count ? row_at(operand, first, r) : unwanted;
            transpose_columns(tile, operand.length, rows);
            if constexpr (is_converted) store_rows<S>(copies_, operand, first, count);
            return;
        }
        for (ptrdiff_t r = 0; r < count; ++r)
            for (ptrdiff_t j = 0; j < operand.length; ++j)
                *reinterpret_cast<T*>(operand.row(first + r) + j * operand.element_stride) = tile[j][r];
    }

private:
    static constexpr bool is_converted = !__is_same(S, T);

    T* row_at(const RowsOperand& operand, ptrdiff_t first, ptrdiff_t r) {
        if constexpr (!is_converted) return reinterpret_cast<T*>(operand.row(first + r));
        return copies_ + r * operand.length;
    }

    alignas(64) T copies_[is_converted ? row_tile * longest_transposed : 1];
};

// In place, but for a result of one number in each row.
template <class S>
[[gnu::noinline]] void run_transposed(const RowKernel& kernel, const RowsOperand* operand, ptrdiff_t first,
                                      ptrdiff_t count, ptrdiff_t n) {
    using T = compute_t<S>;
    static_assert(2 * longest_transposed_cheap <= longest_transposed + 1);
    alignas(64) T numbers[longest_transposed + 2][row_tile];
    TransposedTile<S> tile;
    const int output = kernel.inputs;
    Matrix<T> columns[max_operands];
    ptrdiff_t used = 0;
    for (int i = 0; i <= output; ++i) {
        if (i == output && operand[i].length == operand[i - 1].length) {
            columns[i] = columns[i - 1];
            break;
        }
        columns[i] = {numbers[used], row_tile};
        if (i < output) tile.load(operand[i], first, count, numbers + used);
        used += operand[i].length;
    }
    column_function_for<T>(kernel)(columns, columns[output], n, row_tile);
    tile.store(reinterpret_cast<T(*)[row_tile]>(columns[output].first), operand[output], first, count);
}

// Rows [first, first + count), of which operands that are not contiguous in the computing type pass through scratch.
template <class S>
inline void run_tiles(const RowKernel& kernel, const RowsOperand* operand, ptrdiff_t first, ptrdiff_t count,
                      ptrdiff_t n, compute_t<S>* scratch, ptrdiff_t tile_rows) {
    using T = compute_t<S>;
    const int output = kernel.inputs;
    for (const ptrdiff_t end = first + count; first < end; first += tile_rows) {
        const ptrdiff_t tile = smaller(end - first, tile_rows);
        Matrix<T> matrix[max_operands];
        for (int i = 0; i <= output; ++i) {
            if (operand[i].template is_direct<S>()) {
                matrix[i] = {reinterpret_cast<T*>(operand[i].row(first)), operand[i].row_stride / ptrdiff_t(sizeof(T))};
            } else {
                matrix[i] = {scratch + i * tile_rows * n, operand[i].length};
                if (i < output) load_rows<S>(operand[i], first, tile, matrix[i].first);
            }
        }
        row_function_for<T>(kernel)(matrix, matrix[output], n, tile);
        if (!operand[output].template is_direct<S>()) store_rows<S>(matrix[output].first, operand[output], first, tile);
    }
}

template <class S>
void run_rows(const RowKernel& kernel, char* const* operands, const ptrdiff_t* row_strides,
              const ptrdiff_t* element_strides, ptrdiff_t rows, ptrdiff_t n, void* scratch, ptrdiff_t scratch_rows,
              const RunSharing* sharing) {
    using T = compute_t<S>;
    const int output = kernel.inputs;
    RowsOperand operand[max_operands];
    for (int i = 0; i <= output; ++i)
        operand[i] = {operands[i], row_strides[i], element_strides[i], kernel.along_row[i] ? n : 1};
    if (sharing) return run_long_rows<S>(kernel, operand, 0, rows, n, sharing);
    const RowLayout layout = row_layout(kernel, sizeof(S), __is_same(S, T), row_strides, element_strides, rows, n);
    const bool needs_scratch = layout == RowLayout::other || (layout == RowLayout::columns && !__is_same(S, T));
    const ptrdiff_t tile_rows = needs_scratch ? scratch_rows : row_tile;
    T* const numbers = static_cast<T*>(scratch);
    if (layout == RowLayout::columns && tile_rows > 0)
        return run_column_tiles<S>(kernel, operand, rows, n, numbers, tile_rows);
    const bool is_short = 0 < n && n <= kernel.longest_transposed;
    for (ptrdiff_t first = 0; first < rows; first += row_tile) {
        const ptrdiff_t count = smaller(rows - first, row_tile);
        if (is_short && count > row_tile / 2)
            run_transposed<S>(kernel, operand, first, count, n);
        else if (tile_rows > 0)
            run_tiles<S>(kernel, operand, first, count, n, numbers, tile_rows);
        else
            run_long_rows<S>(kernel, operand, first, count, n, nullptr);
    }
}

// What a signature, as NumPy's generalised ufuncs write it, says: which operands run along the row.
struct RowSignature {
    int inputs = 0;
    bool along_row[max_operands] = {};

    constexpr explicit RowSignature(const char* signature) {
        int operand = 0;
        for (const char* c = signature; *c; ++c) {
            if (*c == 'n') along_row[operand] = true;
            if (*c == ')') ++operand;
        }
        inputs = operand - 1;
    }
};

template <class Formula>
inline constexpr RowSignature signature_of{Formula::signature};

template <class Formula, class T>
void run_column_tile(const Matrix<T>* in, const Matrix<T>& out, ptrdiff_t n, ptrdiff_t columns) {
    const auto run = [&](auto width) NPFUSE_LAMBDA {
        const ColumnTile<T, signature_of<Formula>.inputs, row_tile, decltype(width), ptrdiff_t> pass(in, out, n, width,
                                                                                                     true);
        Formula::run(pass);
    };
    if (columns == row_tile)
        run(IndexConstant<row_tile>());
    else
        run(columns);
}

template <class Formula, class T>
void run_long_row(const StridedRow<T>* in, const StridedRow<T>& out, ptrdiff_t n, const RunSharing* sharing) {
    const LongRow<T, signature_of<Formula>.inputs> pass(in, out, n, sharing);
    Formula::run(pass);
}

template <class Formula, class T>
void run_contiguous_rows(const Matrix<T>* in, const Matrix<T>& out, ptrdiff_t n, ptrdiff_t rows) {
    constexpr int inputs = signature_of<Formula>.inputs;
    using Pass = InterleavedRows<T, inputs>;
    if (n > Pass::longest) {
        constexpr const bool* along = signature_of<Formula>.along_row;
        const auto row_of = [=](const Matrix<T>& operand, int i, ptrdiff_t r) -> StridedRow<T> {
            return {reinterpret_cast<char*>(operand.row(r)),
                    ptrdiff_t(sizeof(T)),
                    along[i] ? n : 1,
                    true,
                    nullptr,
                    nullptr};
        };
        for (ptrdiff_t r = 0; r < rows; ++r) {
            StridedRow<T> row[inputs];
            for (int i = 0; i < inputs; ++i) row[i] = row_of(in[i], i, r);
            run_long_row<Formula, T>(row, row_of(out, inputs, r), n, nullptr);
        }
        return;
    }
    const ptrdiff_t at_once = Pass::rows_at_once(n);
    for (ptrdiff_t first = 0; first < rows; first += at_once) {
        const ptrdiff_t count = smaller(rows - first, at_once);
        typename Pass::Row row[Pass::most];
        for (ptrdiff_t r = 0; r < count; ++r) {
            for (int i = 0; i < inputs; ++i) row[r].in[i] = in[i].row(first + r);
            row[r].out = out.row(first + r);
        }
        const Pass pass(row, n, count, signature_of<Formula>.along_row[inputs]);
        Formula::run(pass);
    }
}

template <class Formula>
constexpr RowKernel row_kernel() {
    constexpr RowSignature signature = signature_of<Formula>;
    constexpr bool is_cheap = requires { Formula::is_cheap; };
    RowKernel kernel = {Formula::signature,
                        signature.inputs,
                        {},
                        is_cheap ? longest_transposed_cheap : longest_transposed,
                        run_contiguous_rows<Formula, float>,
                        run_contiguous_rows<Formula, double>,
                        run_column_tile<Formula, float>,
                        run_column_tile<Formula, double>,
                        run_long_row<Formula, float>,
                        run_long_row<Formula, double>};
    for (int i = 0; i < max_operands; ++i) kernel.along_row[i] = signature.along_row[i];
    return kernel;
}

template <class Operation>
constexpr RowOperation row_operation() {
    return {Operation::name, &Operation::description, row_kernel<typename Operation::Forward>(),
            row_kernel<typename Operation::Backward>()};
}

NPFUSE_FORMULAS_END
