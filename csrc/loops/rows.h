// How a kernel for one contiguous row runs over rows of any stride and storage.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "column_kernels.h"
#include "row_kernels.h"
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
    // Neighbours in memory belong to different rows, so that a cache line is used whole only by many rows at a time.
    bool runs_across() const {
        const ptrdiff_t along = element_stride < 0 ? -element_stride : element_stride;
        const ptrdiff_t across = row_stride < 0 ? -row_stride : row_stride;
        return across < along;
    }
};

// A tile whose rows stand side by side, from and to memory where they do.
template <class S>
inline void load_columns(const RowsOperand& operand, ptrdiff_t first, ptrdiff_t rows, compute_t<S>* tile) {
    for (ptrdiff_t j = 0; j < operand.length; ++j)
        load_contiguous(reinterpret_cast<const S*>(operand.row(first) + j * operand.element_stride),
                        tile + j * row_tile, rows);
}

template <class S>
inline void store_columns(const compute_t<S>* tile, const RowsOperand& operand, ptrdiff_t first, ptrdiff_t rows) {
    for (ptrdiff_t j = 0; j < operand.length; ++j)
        store_contiguous(tile + j * row_tile, reinterpret_cast<S*>(operand.row(first) + j * operand.element_stride),
                         rows);
}

template <class S>
inline void load_rows(const RowsOperand& operand, ptrdiff_t first, ptrdiff_t rows, compute_t<S>* tile) {
    if (operand.runs_across()) {
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
    if (operand.runs_across()) {
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

// Rows that stand side by side: in place, or, half types, through scratch.
template <class S>
inline void run_side_by_side(const RowKernel& kernel, const RowsOperand* operand, ptrdiff_t rows, ptrdiff_t n,
                             compute_t<S>* scratch) {
    using T = compute_t<S>;
    const int output = kernel.inputs;
    for (ptrdiff_t first = 0; first < rows; first += row_tile) {
        const ptrdiff_t tile = smaller(rows - first, row_tile);
        Matrix<T> columns[max_operands];
        for (int i = 0; i <= output; ++i) {
            columns[i] = {scratch + i * row_tile * n, row_tile};
            if constexpr (__is_same(S, T))
                columns[i] = {reinterpret_cast<T*>(operand[i].row(first)),
                              operand[i].element_stride / ptrdiff_t(sizeof(T))};
            else if (i < output)
                load_columns<S>(operand[i], first, tile, columns[i].first);
        }
        column_function_for<T>(kernel)(columns, columns[output], n, tile);
        if constexpr (!__is_same(S, T)) store_columns<S>(columns[output].first, operand[output], first, tile);
    }
}

// One by one, short rows would hardly fill the registers: a tile of them is turned on its side. From these lengths on
// (measured on Zen 4) that takes longer than it saves, the less there is to compute.
inline constexpr ptrdiff_t longest_turned = 31, longest_turned_back = 15;

// A tile of such rows; those that it has beyond count are copies of the first.
template <class S>
[[gnu::noinline]] void run_turned(const RowKernel& kernel, const RowsOperand* operand, ptrdiff_t first, ptrdiff_t count,
                                  ptrdiff_t n) {
    using T = compute_t<S>;
    using Across = T[row_tile];
    constexpr int most_inputs = 2;
    alignas(64) Across tiles[most_inputs + 1][longest_turned];
    alignas(64) T copies[row_tile * longest_turned];
    const int output = kernel.inputs;
    Matrix<T> columns[most_inputs + 1];
    const auto row_at = [&](const RowsOperand& rows, ptrdiff_t r) {
        return rows.is_direct<S>() ? reinterpret_cast<T*>(rows.row(first + r)) : copies + r * rows.length;
    };
    for (int i = 0; i < output; ++i) {
        if (!operand[i].template is_direct<S>()) load_rows<S>(operand[i], first, count, copies);
        const T* rows[row_tile];
        for (ptrdiff_t r = 0; r < row_tile; ++r) rows[r] = row_at(operand[i], r < count ? r : 0);
        transpose_rows(rows, operand[i].length, tiles[i]);
        columns[i] = {tiles[i][0], row_tile};
    }
    columns[output] = {tiles[output][0], row_tile};
    column_function_for<T>(kernel)(columns, columns[output], n, row_tile);
    T unwanted[longest_turned];
    T* rows[row_tile];
    for (ptrdiff_t r = 0; r < row_tile; ++r) rows[r] = r < count ? row_at(operand[output], r) : unwanted;
    transpose_columns(tiles[output], operand[output].length, rows);
    if (!operand[output].template is_direct<S>()) store_rows<S>(copies, operand[output], first, count);
}

// Operands that are not contiguous rows of the computing type pass through scratch, a tile of rows at a time.
template <class S>
void run_rows(const RowKernel& kernel, char* const* operands, const ptrdiff_t* row_strides,
              const ptrdiff_t* element_strides, ptrdiff_t rows, ptrdiff_t n, void* scratch) {
    using T = compute_t<S>;
    const MatrixFunction<T> run = row_function_for<T>(kernel);
    const int output = kernel.inputs;
    RowsOperand operand[max_operands];
    T* tiles[max_operands];
    bool side_by_side = n > 1 && rows > 1;
    for (int i = 0; i <= output; ++i) {
        operand[i] = {operands[i], row_strides[i], element_strides[i], kernel.along_row[i] ? n : 1};
        side_by_side &=
            operand[i].row_stride == ptrdiff_t(sizeof(S)) && (operand[i].length == 1 || operand[i].runs_across());
        tiles[i] = static_cast<T*>(scratch) + i * row_tile * (n > 0 ? n : 1);
    }
    if (side_by_side) {
        run_side_by_side<S>(kernel, operand, rows, n, static_cast<T*>(scratch));
        return;
    }
    for (ptrdiff_t first = 0; first < rows; first += row_tile) {
        const ptrdiff_t tile = smaller(rows - first, row_tile);
        if (0 < n && n <= kernel.longest_turned && tile > row_tile / 2) {
            run_turned<S>(kernel, operand, first, tile, n);
            continue;
        }
        for (int i = 0; i < output; ++i)
            if (!operand[i].template is_direct<S>()) load_rows<S>(operand[i], first, tile, tiles[i]);
        Matrix<T> matrix[max_operands];
        for (int i = 0; i <= output; ++i) {
            matrix[i] = {tiles[i], operand[i].length};
            if (operand[i].template is_direct<S>())
                matrix[i] = {reinterpret_cast<T*>(operand[i].row(first)), operand[i].row_stride / ptrdiff_t(sizeof(T))};
        }
        run(matrix, matrix[output], n, tile);
        if (!operand[output].template is_direct<S>()) store_rows<S>(tiles[output], operand[output], first, tile);
    }
}

template <class Operation>
constexpr RowKernel backward_from_output() {
    using Row = BackwardFromOutputRow<Operation>;
    return {"(n),(n)->(n)",
            2,
            {true, true, true},
            longest_turned_back,
            run_row_kernel<Row, 2, float>,
            run_row_kernel<Row, 2, double>,
            backward_from_output_columns<Operation, float>,
            backward_from_output_columns<Operation, double>};
}

template <class Operation>
constexpr RowOperation row_operation() {
    if constexpr (Operation::kind == RowKind::quotient) {
        using Normalised = typename Operation::Normalised;
        using Row = SoftmaxRow<Normalised>;
        return {Operation::name,
                &Operation::description,
                {"(n)->(n)",
                 1,
                 {true, true},
                 longest_turned,
                 run_row_kernel<Row, 1, float>,
                 run_row_kernel<Row, 1, double>,
                 softmax_columns<Normalised, float>,
                 softmax_columns<Normalised, double>},
                backward_from_output<Operation>()};
    } else if constexpr (Operation::kind == RowKind::log_quotient) {
        using Row = LogSoftmaxRow<Operation>;
        return {Operation::name,
                &Operation::description,
                {"(n)->(n)",
                 1,
                 {true, true},
                 longest_turned,
                 run_row_kernel<Row, 1, float>,
                 run_row_kernel<Row, 1, double>,
                 log_softmax_columns<Operation, float>,
                 log_softmax_columns<Operation, double>},
                backward_from_output<Operation>()};
    } else {
        using Backward = LogSumExpRowBackward<Operation>;
        return {Operation::name,
                &Operation::description,
                {"(n)->()",
                 1,
                 {true, false},
                 longest_turned,
                 run_row_kernel<LogSumExpRow, 1, float>,
                 run_row_kernel<LogSumExpRow, 1, double>,
                 logsumexp_columns<Operation, float>,
                 logsumexp_columns<Operation, double>},
                {"(),(n)->(n)",
                 2,
                 {false, true, true},
                 longest_turned,
                 run_row_kernel<Backward, 2, float>,
                 run_row_kernel<Backward, 2, double>,
                 logsumexp_backward_columns<Operation, float>,
                 logsumexp_backward_columns<Operation, double>}};
    }
}

template <class... Operations>
struct RowOperationsOf;
template <class... Operations>
struct RowOperationsOf<List<Operations...>> {
    static constexpr RowOperation entries[] = {row_operation<Operations>()...};
    static constexpr Span<RowOperation> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
