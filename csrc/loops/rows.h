// How a kernel for one contiguous row runs over rows of any stride and storage.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "column_kernels.h"
#include "row_kernels.h"
#include "storage.h"

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
inline RowFunction<T> row_function_for(const RowKernel& kernel) {
    if constexpr (__is_same(T, float))
        return kernel.float32;
    else
        return kernel.float64;
}

template <class T>
inline ColumnFunction<T> column_function_for(const RowKernel& kernel) {
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
        Columns<T> columns[max_operands];
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

// Operands that are not contiguous rows of the computing type pass through scratch, a tile of rows at a time.
template <class S>
void run_rows(const RowKernel& kernel, char* const* operands, const ptrdiff_t* row_strides,
              const ptrdiff_t* element_strides, ptrdiff_t rows, ptrdiff_t n, void* scratch) {
    using T = compute_t<S>;
    const RowFunction<T> run = row_function_for<T>(kernel);
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
        for (int i = 0; i < output; ++i)
            if (!operand[i].template is_direct<S>()) load_rows<S>(operand[i], first, tile, tiles[i]);
        for (ptrdiff_t r = 0; r < tile; ++r) {
            T* row[max_operands];
            for (int i = 0; i <= output; ++i)
                row[i] = operand[i].template is_direct<S>() ? reinterpret_cast<T*>(operand[i].row(first + r))
                                                            : tiles[i] + r * operand[i].length;
            run(row, row[output], n);
        }
        if (!operand[output].template is_direct<S>()) store_rows<S>(tiles[output], operand[output], first, tile);
    }
}

template <class Operation>
constexpr RowKernel backward_from_output() {
    return {"(n),(n)->(n)",
            2,
            {true, true, true},
            backward_from_output_row<Operation, float>,
            backward_from_output_row<Operation, double>,
            backward_from_output_columns<Operation, float>,
            backward_from_output_columns<Operation, double>};
}

template <class Operation>
constexpr RowOperation row_operation() {
    if constexpr (Operation::kind == RowKind::quotient)
        return {Operation::name,
                &Operation::description,
                {"(n)->(n)",
                 1,
                 {true, true},
                 softmax_row<typename Operation::Normalised, float>,
                 softmax_row<typename Operation::Normalised, double>,
                 softmax_columns<typename Operation::Normalised, float>,
                 softmax_columns<typename Operation::Normalised, double>},
                backward_from_output<Operation>()};
    else if constexpr (Operation::kind == RowKind::log_quotient)
        return {Operation::name,
                &Operation::description,
                {"(n)->(n)",
                 1,
                 {true, true},
                 log_softmax_row<Operation, float>,
                 log_softmax_row<Operation, double>,
                 log_softmax_columns<Operation, float>,
                 log_softmax_columns<Operation, double>},
                backward_from_output<Operation>()};
    else
        return {Operation::name,
                &Operation::description,
                {"(n)->()",
                 1,
                 {true, false},
                 logsumexp_row<Operation, float>,
                 logsumexp_row<Operation, double>,
                 logsumexp_columns<Operation, float>,
                 logsumexp_columns<Operation, double>},
                {"(),(n)->(n)",
                 2,
                 {false, true, true},
                 logsumexp_row_backward<Operation, float>,
                 logsumexp_row_backward<Operation, double>,
                 logsumexp_backward_columns<Operation, float>,
                 logsumexp_backward_columns<Operation, double>}};
}

template <class... Operations>
struct RowOperationsOf;
template <class... Operations>
struct RowOperationsOf<List<Operations...>> {
    static constexpr RowOperation entries[] = {row_operation<Operations>()...};
    static constexpr Span<RowOperation> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
