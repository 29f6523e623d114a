// What runs along one contiguous row: a reduction, then a pass that uses it.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "find_first.h"
#include "interleave.h"
#include "lanes.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

template <ptrdiff_t count, class T>
NPFUSE_FORMULA void keep_larger(T* numbers, const T* others) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < count; ++i) numbers[i] = others[i] > numbers[i] ? others[i] : numbers[i];
}

// The largest of twice as many numbers as half; of known lengths, so that registers hold them.
template <ptrdiff_t half, class T>
NPFUSE_FORMULA T largest_of(T* numbers) {
    keep_larger<half>(numbers, numbers + half);
    if constexpr (half > 1) return largest_of<half / 2>(numbers);
    return numbers[0];
}

// The largest of some numbers and of those before. NaN may be passed over: the sums that follow find it.
template <class T>
inline T larger_maximum(T maximum, const T* x, ptrdiff_t n) {
    if (n < lane_count) {
        for (ptrdiff_t i = 0; i < n; ++i) maximum = x[i] > maximum ? x[i] : maximum;
        return maximum;
    }
    T lanes[lane_count];
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) lanes[lane] = maximum;
    for (ptrdiff_t i = 0; i + lane_count <= n; i += lane_count) keep_larger<lane_count>(lanes, x + i);
    keep_larger<lane_count>(lanes, x + n - lane_count);  // some for the second time, which changes nothing
    return largest_of<lane_count / 2>(lanes);
}

template <class T>
inline T row_maximum(const T* x, ptrdiff_t n) {
    return n > 0 ? larger_maximum(x[0], x, n) : -Format<T>::infinity;
}

template <class Terms, class T>
[[gnu::noinline]] void write_terms(const T* x, Terms terms, T* y, ptrdiff_t n) {
    apply_to_all([terms](T each) __attribute__((always_inline)) { return terms.term(each); }, n, y, x);
}

// The sum of a row's terms, block by block; to y, where that is not null, they are written, too.
template <class Terms, class T>
[[gnu::noinline]] double sum_of_terms(const T* x, Terms terms, T* y, ptrdiff_t n) {
    T scratch[block_length];
    RowSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        T* buffer = y ? y + begin : scratch;
        write_terms(x + begin, terms, buffer, count);
        sum.add(buffer, count);
    }
    return sum.total();
}

// The sum excluding a maximum that dominates so much that its own term would round them away. block(begin,
// count) is where a part of the row is.
template <class T, class Block>
[[gnu::noinline]] double sum_excluding_dominant_maximum(Block block, T maximum, ptrdiff_t n) {
    const SummedTerms<T> terms = SummedTerms<T>::below(maximum);
    bool is_left_out = false;
    T others[block_length];
    RowSum sum;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        const T* x = block(begin, count);
        write_terms(x, terms, others, count);
        const ptrdiff_t argmax = is_left_out ? count : find_value(x, count, maximum);
        if (argmax < count) {
            others[argmax] = T(0);
            is_left_out = true;
        }
        sum.add(others, count);
    }
    return sum.total() / terms.unit(maximum);
}

// A result; one that is not finite is the row's first NaN, if it has any.
template <class T, class Block>
inline T or_nan_of_row(T result, Block block, ptrdiff_t n) {
    if (result - result == T(0)) return result;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = smaller(n - begin, block_length);
        const T* x = block(begin, count);
        const ptrdiff_t place = find_nan_in(x, count);
        if (place < count) return x[place];
    }
    return result;
}

// Each kernel sums up the row, of its terms or otherwise, works out a pair, and makes its result of it: of the terms,
// which are where the result is to be, or of the inputs. Where the pair is made of the sum excluding the maximum, the
// sum becomes that in between.
template <class Operation>
struct SoftmaxRow {
    static constexpr bool leaves_out_maximum = false, is_made_of_terms = true, gives_one_number = false;
    template <class T>
    using Terms = RowTerms<T>;

    template <class T>
    NPFUSE_FORMULA static const T* scores(const T* const* inputs) {
        return inputs[0];
    }
    // Where the terms are to be, if it matters.
    template <class T>
    NPFUSE_FORMULA static T* buffer(const T* const*, T* y) {
        return y;
    }
    template <class T>
    NPFUSE_FORMULA static Pair<T> pair(T, double sum) {
        return narrowed<T>(1.0 / sum);
    }
    template <class T>
    NPFUSE_FORMULA static void finish(const T* const*, T* y, ptrdiff_t n, Pair<T> reciprocal) {
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) y[i] = Operation::quotient(y[i], reciprocal);
    }
};

template <class Operation>
struct LogSoftmaxRow {
    static constexpr bool leaves_out_maximum = true, is_made_of_terms = false, gives_one_number = false;
    template <class T>
    using Terms = SummedTerms<T>;

    template <class T>
    NPFUSE_FORMULA static const T* scores(const T* const* inputs) {
        return inputs[0];
    }
    template <class T>
    NPFUSE_FORMULA static T* buffer(const T* const* inputs, T* y) {
        return y == inputs[0] ? nullptr : y;  // writing y twice costs less than y and another block
    }
    template <class T>
    NPFUSE_FORMULA static Pair<T> pair(T maximum, double excluding_maximum) {
        return log_of_row_sum(maximum, excluding_maximum);
    }
    template <class T>
    NPFUSE_FORMULA static void finish(const T* const* inputs, T* y, ptrdiff_t n, Pair<T> log_sum) {
        const T* x = inputs[0];
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) y[i] = Operation::logarithm(x[i], log_sum);
    }
};

struct LogSumExpRow {
    static constexpr bool leaves_out_maximum = true, is_made_of_terms = false, gives_one_number = true;
    template <class T>
    using Terms = SummedTerms<T>;

    template <class T>
    NPFUSE_FORMULA static const T* scores(const T* const* inputs) {
        return inputs[0];
    }
    template <class T>
    NPFUSE_FORMULA static T* buffer(const T* const*, T*) {
        return nullptr;
    }
    template <class T>
    NPFUSE_FORMULA static Pair<T> pair(T maximum, double excluding_maximum) {
        return {log_sum_exp(maximum, excluding_maximum), T(0)};
    }
    template <class T>
    NPFUSE_FORMULA static void finish(const T* const* inputs, T* y, ptrdiff_t n, Pair<T> result) {
        *y = or_nan_of_row(result.hi, [x = inputs[0]](ptrdiff_t begin, ptrdiff_t) { return x + begin; }, n);
    }
};

// From the output y.
template <class Operation>
struct BackwardFromOutputRow {
    static constexpr bool leaves_out_maximum = false, is_made_of_terms = false, gives_one_number = false;

    template <class T>
    NPFUSE_FORMULA static auto summand(const T* const* inputs) {
        const T *dy = inputs[0], *y = inputs[1];
        return [=](ptrdiff_t i) __attribute__((always_inline)) { return Operation::backward_term(dy[i], y[i]); };
    }
    template <class T>
    NPFUSE_FORMULA static Pair<T> pair(T, double sum) {
        return narrowed<T>(sum);
    }
    template <class T>
    NPFUSE_FORMULA static void finish(const T* const* inputs, T* dx, ptrdiff_t n, Pair<T> total) {
        const auto each = [total](T dy, T y)
                              __attribute__((always_inline)) { return Operation::backward(dy, y, total); };
        if constexpr (Operation::kind == RowKind::log_quotient) {  // of which each takes an exponential
            apply_to_all(each, n, dx, inputs[0], inputs[1]);
        } else {
            const T *dy = inputs[0], *y = inputs[1];
#pragma omp simd
            for (ptrdiff_t i = 0; i < n; ++i) dx[i] = each(dy[i], y[i]);
        }
    }
};

// dy, one number for the row, spread over it by its softmax.
template <class Operation>
struct LogSumExpRowBackward : SoftmaxRow<typename Operation::Normalised> {
    template <class T>
    NPFUSE_FORMULA static const T* scores(const T* const* inputs) {
        return inputs[1];
    }
    template <class T>
    NPFUSE_FORMULA static void finish(const T* const* inputs, T* dx, ptrdiff_t n, Pair<T> reciprocal) {
        const T dy = *inputs[0];
#pragma omp simd
        for (ptrdiff_t i = 0; i < n; ++i) dx[i] = dy * Operation::quotient(dx[i], reciprocal);
    }
};

// The largest numbers of some rows and the sums of their terms, step by step for all, so that none waits for another.
template <class Kernel, class T, class Inputs>
NPFUSE_FORMULA void sum_rows_of_terms(const Inputs* in, T* const* out, ptrdiff_t n, ptrdiff_t rows, T* maxima,
                                      double* sums) {
    using Terms = typename Kernel::template Terms<T>;
    for (ptrdiff_t r = 0; r < rows; ++r) maxima[r] = row_maximum(Kernel::scores(in[r]), n);
    if (n > block_length) {
        for (ptrdiff_t r = 0; r < rows; ++r)
            sums[r] = sum_of_terms(Kernel::scores(in[r]), Terms::below(maxima[r]), Kernel::buffer(in[r], out[r]), n);
        return;
    }
    T scratch[2 * block_length];
    const auto buffer = [&](ptrdiff_t r) __attribute__((always_inline)) {
        T* const wanted = Kernel::buffer(in[r], out[r]);
        return wanted ? wanted : scratch + r * n;
    };
    for (ptrdiff_t r = 0; r < rows; ++r) write_terms(Kernel::scores(in[r]), Terms::below(maxima[r]), buffer(r), n);
    for (ptrdiff_t r = 0; r < rows; ++r) sums[r] = LaneSum::of(buffer(r), n);
}

// How many rows are interleaved: as many as a cache holds of them.
inline constexpr ptrdiff_t most_rows_at_once = 8;
inline ptrdiff_t rows_at_once(ptrdiff_t n) {
    return n <= 2 * block_length / most_rows_at_once ? most_rows_at_once : n <= block_length ? 2 : 1;
}

// So many at a time in a vector, fewer one by one.
template <ptrdiff_t most, class Body>
NPFUSE_FORMULA void for_each_of(ptrdiff_t count, Body body) {
    if (count < most) {
        for (ptrdiff_t r = 0; r < count; ++r) body(r);
        return;
    }
#pragma omp simd
    for (ptrdiff_t r = 0; r < most; ++r) body(r);
}

// Short rows run several at a time: none waits for the sum of the one before, and a vector holds all their logarithms.
template <class Kernel, int inputs, class T>
void run_row_kernel(const Matrix<T>* operands, const Matrix<T>& output, ptrdiff_t n, ptrdiff_t rows) {
    constexpr ptrdiff_t most = most_rows_at_once;
    const ptrdiff_t at_once = rows_at_once(n);
    T maxima[most] = {};
    double sums[most] = {};
    for (ptrdiff_t first = 0; first < rows; first += at_once) {
        const ptrdiff_t count = smaller(rows - first, at_once);
        const T* in[most][inputs];
        T* out[most];
        for (ptrdiff_t r = 0; r < count; ++r) {
            for (int i = 0; i < inputs; ++i) in[r][i] = operands[i].row(first + r);
            out[r] = output.row(first + r);
        }
        if constexpr (requires { typename Kernel::template Terms<T>; })
            sum_rows_of_terms<Kernel>(in, out, n, count, maxima, sums);
        else if (n <= run_length)
            for (ptrdiff_t r = 0; r < count; ++r) sums[r] = LaneSum::of(n, Kernel::summand(in[r]));
        else
            for (ptrdiff_t r = 0; r < count; ++r) sums[r] = RowSum::of(n, Kernel::summand(in[r]));
        if constexpr (Kernel::leaves_out_maximum) {
            for_each_of<most>(at_once, [&](ptrdiff_t r) __attribute__((always_inline)) {
                sums[r] = SummedTerms<T>::below(maxima[r]).excluding_maximum(maxima[r], sums[r]);
            });
            for (ptrdiff_t r = 0; r < count; ++r)
                if (sums[r] < lost_in_sum_with_one<T>)
                    sums[r] = sum_excluding_dominant_maximum(
                        [x = in[r][0]](ptrdiff_t begin, ptrdiff_t) { return x + begin; }, maxima[r], n);
        }
        T pair_hi[most], pair_lo[most];
        for_each_of<most>(at_once, [&](ptrdiff_t r) __attribute__((always_inline)) {
            const Pair<T> pair = Kernel::pair(maxima[r], sums[r]);
            pair_hi[r] = pair.hi;
            pair_lo[r] = pair.lo;
        });
        for (ptrdiff_t r = 0; r < count; ++r) Kernel::finish(in[r], out[r], n, Pair<T>{pair_hi[r], pair_lo[r]});
    }
}

NPFUSE_FORMULAS_END
