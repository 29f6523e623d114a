// The kernels of row_kernels.h for a row that is not contiguous in the computing type and too long to be copied: it is
// converted block by block, once for each pass over it. The bits are those of a contiguous row.
#pragma once

#include "row_kernels.h"

NPFUSE_FORMULAS_BEGIN

// Calls body(begin, count, in) for every block of a row, where in[i] are its numbers in operand i.
template <int inputs, class T, class Body>
inline void for_each_block(const StridedRow<T>* operands, ptrdiff_t n, T (*buffers)[block_length], Body body) {
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        const T* in[inputs];
        for (int i = 0; i < inputs; ++i) {
            const StridedRow<T>& row = operands[i];
            const bool is_one_number = row.length == 1;
            in[i] = row.load(row.first + (is_one_number ? 0 : begin * row.stride), row.stride,
                             is_one_number ? 1 : count, buffers[i]);
        }
        body(begin, count, in);
    }
}

template <class Kernel, int inputs, class T>
void run_long_row(const StridedRow<T>* operands, const StridedRow<T>& output, ptrdiff_t n) {
    alignas(64) T buffers[inputs + 1][block_length];
    T* const results = buffers[inputs];
    const auto for_each = [&](auto body) { for_each_block<inputs>(operands, n, buffers, body); };
    const auto block_of_scores = [&, x = operands[inputs - 1]](ptrdiff_t begin, ptrdiff_t count) {
        return x.load(x.first + begin * x.stride, x.stride, count, buffers[0]);
    };
    constexpr bool has_terms = requires { typename Kernel::template Terms<T>; };
    T maximum = -Format<T>::infinity;
    LaneSum lanes;
    double sum;
    if constexpr (has_terms) {
        for_each([&](ptrdiff_t begin, ptrdiff_t count, const T* const* in) {
            const T* x = Kernel::scores(in);
            maximum = larger_maximum(begin == 0 ? x[0] : maximum, x, count);
        });
        const auto terms = Kernel::template Terms<T>::below(maximum);
        for_each([&](ptrdiff_t, ptrdiff_t count, const T* const* in) {
            write_terms(Kernel::scores(in), terms, results, count);
            lanes.add(results, count);
        });
        sum = lanes.total();
    } else {
        for_each([&](ptrdiff_t, ptrdiff_t count, const T* const* in) { lanes.add(count, Kernel::summand(in)); });
        sum = lanes.total();
    }
    if constexpr (Kernel::leaves_out_maximum) {
        sum = SummedTerms<T>::below(maximum).beside(maximum, sum);
        if (sum < lost_beside_one<T>) sum = sum_beside_dominant_maximum(block_of_scores, maximum, n);
    }
    const Pair<T> pair = Kernel::pair(maximum, sum);
    if constexpr (Kernel::gives_one_number) {
        const T result = or_nan_of_row(pair.hi, block_of_scores, n);
        output.store(&result, output.first, output.stride, 1);
        return;
    }
    for_each([&](ptrdiff_t begin, ptrdiff_t count, const T* const* in) {
        if constexpr (Kernel::is_made_of_terms)
            write_terms(Kernel::scores(in), Kernel::template Terms<T>::below(maximum), results, count);
        Kernel::finish(in, results, count, pair);
        output.store(results, output.first + begin * output.stride, output.stride, count);
    });
}

NPFUSE_FORMULAS_END
