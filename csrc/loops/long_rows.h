// The kernels of row_kernels.h for one row by itself, block by block: a row that is not contiguous in the computing
// type and too long to be copied is converted once for each pass over it; a long row of a call of few may be shared by
// threads. The bits are those of any other row.
#pragma once

#include "row_kernels.h"
#include "runs.h"

NPFUSE_FORMULAS_BEGIN

// Calls body(begin, count, in) for every block of a part of a row, where in[i] are its numbers in operand i.
template <int inputs, class T, class Body>
inline void for_each_block(const StridedRow<T>* operands, ptrdiff_t begin, ptrdiff_t end, Body body) {
    alignas(64) T buffers[inputs][block_length];
    for (; begin < end; begin += block_length) {
        const ptrdiff_t count = smaller(end - begin, block_length);
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

// Where results from an element on are to be: in their place, if they can.
template <class T>
inline T* results_buffer(const StridedRow<T>& output, ptrdiff_t begin, T* buffer) {
    return output.is_direct ? reinterpret_cast<T*>(output.first) + begin : buffer;
}
template <class T>
inline void store_results(const T* results, const StridedRow<T>& output, ptrdiff_t begin, ptrdiff_t count) {
    if (!output.is_direct) output.store(results, output.first + begin * output.stride, output.stride, count);
}

template <class Kernel, int inputs, class T>
void run_long_row(const StridedRow<T>* operands, const StridedRow<T>& output, ptrdiff_t n, const RunSharing* sharing) {
    const Runs runs(n, sharing);
    T maximum = -Format<T>::infinity;
    double sum;
    // Terms that a result is made of are kept where it will be, but not rounded to a half type.
    const bool keeps_terms = Kernel::is_made_of_terms && output.is_direct;
    if constexpr (requires { typename Kernel::template Terms<T>; }) {
        T first_score = maximum;
        for_each_block<inputs>(operands, 0, smaller(n, 1), [&](ptrdiff_t, ptrdiff_t, const T* const* in) {
            maximum = first_score = Kernel::scores(in)[0];
        });
        maximum = runs.combined(
            maximum,
            [&](ptrdiff_t begin, ptrdiff_t end) {
                T largest = first_score;
                for_each_block<inputs>(operands, begin, end, [&](ptrdiff_t, ptrdiff_t count, const T* const* in) {
                    largest = larger_maximum(largest, Kernel::scores(in), count);
                });
                return largest;
            },
            [](T a, T b) { return b > a ? b : a; });
        sum = runs.sum([&, terms = Kernel::template Terms<T>::below(maximum)](ptrdiff_t begin, ptrdiff_t end) {
            alignas(64) T buffer[block_length];
            LaneSum run;
            for_each_block<inputs>(operands, begin, end, [&](ptrdiff_t first, ptrdiff_t count, const T* const* in) {
                T* const kept = keeps_terms ? results_buffer(output, first, buffer) : buffer;
                write_terms(Kernel::scores(in), terms, kept, count);
                run.add(kept, count);
            });
            return run.total();
        });
    } else {
        sum = runs.sum([&](ptrdiff_t begin, ptrdiff_t end) {
            LaneSum run;
            for_each_block<inputs>(operands, begin, end, [&](ptrdiff_t, ptrdiff_t count, const T* const* in) {
                run.add(count, Kernel::summand(in));
            });
            return run.total();
        });
    }
    const auto with_scores = [&](auto body) {
        alignas(64) T buffer[block_length];
        return body([&, x = operands[inputs - 1]](ptrdiff_t begin, ptrdiff_t count) {
            return x.load(x.first + begin * x.stride, x.stride, count, buffer);
        });
    };
    if constexpr (Kernel::leaves_out_maximum) {
        sum = SummedTerms<T>::below(maximum).excluding_maximum(maximum, sum);
        if (sum < lost_in_sum_with_one<T>)
            sum = with_scores([&](auto block) { return sum_excluding_dominant_maximum(block, maximum, n); });
    }
    const Pair<T> pair = Kernel::pair(maximum, sum);
    if constexpr (Kernel::gives_one_number) {
        const T result = with_scores([&](auto block) { return or_nan_of_row(pair.hi, block, n); });
        output.store(&result, output.first, output.stride, 1);
    } else {
        runs.each([&](ptrdiff_t begin, ptrdiff_t end) {
            alignas(64) T buffer[block_length];
            for_each_block<inputs>(operands, begin, end, [&](ptrdiff_t first, ptrdiff_t count, const T* const* in) {
                T* const results = results_buffer(output, first, buffer);
                if constexpr (Kernel::is_made_of_terms)
                    if (!keeps_terms)
                        write_terms(Kernel::scores(in), Kernel::template Terms<T>::below(maximum), results, count);
                Kernel::finish(in, results, count, pair);
                store_results(results, output, first, count);
            });
        });
    }
}

NPFUSE_FORMULAS_END
