// How an elementwise formula runs over memory.
#pragma once

#include "../table.h"
#include "forms.h"
#include "interleave.h"
#include "storage.h"
#include "strips.h"

NPFUSE_FORMULAS_BEGIN

// Formulas of two results.
template <class Formula, class T>
void contiguous_two(const T* const* inputs, T* const* outputs, ptrdiff_t n) {
    static_assert(Formula::inputs == 3);
    for_whole_chunks<max_interleaved_pairs, T>(n, [&]<ptrdiff_t count>(ptrdiff_t i) __attribute__((always_inline)) {
        apply_interleaved_pairs<count>([](auto... x) __attribute__((always_inline)) { return Formula::apply(x...); },
                                       outputs[0] + i, outputs[1] + i, inputs[0] + i, inputs[1] + i, inputs[2] + i);
    });
}

template <class Formula, class T>
void contiguous(const T* const* inputs, T* const* outputs, ptrdiff_t n) {
    const auto formula = [](auto... operands) __attribute__((always_inline)) { return Formula::apply(operands...); };
    if constexpr (Formula::inputs == 1) {
        apply_to_whole_chunks<Formula::interleaved>(formula, n, outputs[0], inputs[0]);
    } else if constexpr (Formula::inputs == 2) {
        apply_to_whole_chunks<Formula::interleaved>(formula, n, outputs[0], inputs[0], inputs[1]);
    } else if constexpr (Formula::inputs == 3) {
        apply_to_whole_chunks<Formula::interleaved>(formula, n, outputs[0], inputs[0], inputs[1], inputs[2]);
    } else {
        static_assert(Formula::inputs == 4);
        apply_to_whole_chunks<Formula::interleaved>(formula, n, outputs[0], inputs[0], inputs[1], inputs[2], inputs[3]);
    }
}

template <class Formula, class T>
constexpr ContiguousKernel<T> contiguous_kernel() {
    if constexpr (Formula::outputs == 1)
        return contiguous<Formula, T>;
    else
        return contiguous_two<Formula, T>;
}

// Where nothing is converted, it is for the parameters; where something is, for cheap formulas.
template <class Formula, class S>
constexpr StripLoop strip_loop() {
    constexpr bool is_stored_as_computed = __is_same(S, compute_t<S>);
    constexpr bool has_parameters = Formula::parameters > 0 && Formula::outputs == 1;
    if constexpr (has_strips && (is_stored_as_computed ? has_parameters : Formula::is_cheap))
        return run_strips<Formula, S>;
    else
        return nullptr;
}

template <class Formula>
constexpr Elementwise elementwise_kernel() {
    return {Formula::inputs,
            Formula::parameters,
            Formula::outputs,
            contiguous_kernel<Formula, float>(),
            contiguous_kernel<Formula, double>(),
            {strip_loop<Formula, float16>(), strip_loop<Formula, bfloat16>(), strip_loop<Formula, float>(),
             strip_loop<Formula, double>()}};
}

template <class T>
inline ContiguousKernel<T> kernel_for(const Elementwise& kernel) {
    if constexpr (__is_same(T, float))
        return kernel.float32;
    else
        return kernel.float64;
}

// Fewer numbers than a chunk: they run in one of their own, filled up with the first of them.
template <class T>
[[gnu::noinline]] void run_few(const Elementwise& kernel, const T* const* inputs, T* const* outputs, ptrdiff_t n) {
    alignas(64) T chunks[max_operands][kernel_chunk<T>];
    const T* in[max_operands];
    T* out[max_operands];
    for (int i = 0; i < kernel.inputs; ++i) {
        const T first = inputs[i][0];
#pragma omp simd
        for (ptrdiff_t j = 0; j < kernel_chunk<T>; ++j) chunks[i][j] = first;
        if (n > 1) __builtin_memcpy(chunks[i], inputs[i], size_t(n) * sizeof(T));
        in[i] = chunks[i];
    }
    for (int i = 0; i < kernel.outputs; ++i) out[i] = chunks[kernel.inputs + i];
    kernel_for<T>(kernel)(in, out, kernel_chunk<T>);
    for (int i = 0; i < kernel.outputs; ++i) {
        outputs[i][0] = out[i][0];
        if (n > 1) __builtin_memcpy(outputs[i], out[i], size_t(n) * sizeof(T));
    }
}

// Whole chunks from the first line of the output on. What lies before it is in a first chunk, what is left over in a
// last one, of numbers that are computed twice. Both are read before anything is written, as an output may be an input.
template <class T>
[[gnu::noinline]] void run_with_ends(const Elementwise& kernel, const T* const* inputs, T* const* outputs, ptrdiff_t n,
                                     ptrdiff_t begin) {
    constexpr ptrdiff_t chunk = kernel_chunk<T>;
    const ptrdiff_t last = n - chunk;
    const bool has_rest = (n - begin) % chunk != 0;
    alignas(64) T first_results[max_operands][chunk], last_results[max_operands][chunk];
    const auto run = [&](ptrdiff_t from, T(*results)[chunk], ptrdiff_t count) {
        const T* in[max_operands];
        T* out[max_operands];
        for (int i = 0; i < kernel.inputs; ++i) in[i] = inputs[i] + from;
        for (int i = 0; i < kernel.outputs; ++i) out[i] = results ? results[i] : outputs[i] + from;
        kernel_for<T>(kernel)(in, out, count);
    };
    if (begin > 0) run(0, first_results, chunk);
    if (has_rest) run(last, last_results, chunk);
    run(begin, nullptr, (n - begin) & -chunk);
    for (int i = 0; i < kernel.outputs; ++i) {
        __builtin_memcpy(outputs[i], first_results[i], size_t(begin) * sizeof(T));
        if (has_rest) __builtin_memcpy(outputs[i] + last, last_results[i], sizeof last_results[i]);
    }
}

// A kernel over any number of elements.
template <class T>
inline void run_contiguous(const Elementwise& kernel, const T* const* inputs, T* const* outputs, ptrdiff_t n) {
    if (n < kernel_chunk<T>) return run_few(kernel, inputs, outputs, n);
    const ptrdiff_t begin = before_first_line(outputs[0], n);
    if (begin == 0 && n % kernel_chunk<T> == 0)
        kernel_for<T>(kernel)(inputs, outputs, n);
    else
        run_with_ends(kernel, inputs, outputs, n, begin);
}

template <class S>
inline bool is_contiguous(const ptrdiff_t* strides, int operands) {
    for (int i = 0; i < operands; ++i)
        if (strides[i] != ptrdiff_t(sizeof(S))) return false;
    return true;
}

inline bool parameters_are_numbers(const Elementwise& kernel, const ptrdiff_t* strides) {
    for (int i = kernel.inputs - kernel.parameters; i < kernel.inputs; ++i)
        if (strides[i] != 0) return false;
    return true;
}

// Blocks of the computing type with parameters of one number each, which stay in registers; returns how many numbers
// were done.
template <class T>
inline ptrdiff_t run_strips_of_block(const Elementwise& kernel, const T* const* in, T* out, ptrdiff_t n) {
    char* operands[max_operands];
    for (int i = 0; i < kernel.inputs; ++i) operands[i] = reinterpret_cast<char*>(const_cast<T*>(in[i]));
    operands[kernel.inputs] = reinterpret_cast<char*>(out);
    return kernel.strips[int(dtype_of<T>)](operands, n);
}

// Apart from the rest, so that a call of one number does not set up a frame of its size. Parameters are stored as P.
template <class S, class P>
[[gnu::noinline]] void run_blocks(const Elementwise& kernel, char* const* operands, const ptrdiff_t* strides,
                                  ptrdiff_t n) {
    using T = compute_t<S>;
    const int inputs = kernel.inputs, outputs = kernel.outputs, arrays = inputs - kernel.parameters;
    BlockBuffers<T> buffers(inputs + outputs);
    const bool numbers = kernel.strips[int(dtype_of<T>)] && parameters_are_numbers(kernel, strides);
    const T* in[max_operands];
    T* out[max_operands];
    for (ptrdiff_t begin = 0; begin < n; begin += buffers.length) {
        const ptrdiff_t count = n - begin < buffers.length ? n - begin : buffers.length;
        for (int i = 0; i < inputs; ++i) {
            const bool filled_before = strides[i] == 0 && begin > 0;
            const char* source = operands[i] + begin * strides[i];
            if (!filled_before)
                in[i] = i < arrays ? load_block<S>(source, strides[i], count, buffers[i])
                                   : load_block<P>(source, strides[i], count, buffers[i]);
        }
        for (int j = 0; j < outputs; ++j) {
            const int i = inputs + j;
            const bool in_array = __is_same(S, T) && strides[i] == ptrdiff_t(sizeof(S));
            // A result takes the place of a number that is needed no more: stores to other buffers, which may lie whole
            // pages apart, would hold up the loads that follow.
            const bool in_place = in[j] == buffers[j] && strides[j] != 0;
            out[j] = in_array   ? reinterpret_cast<T*>(operands[i] + begin * strides[i])
                     : in_place ? buffers[j]
                                : buffers[i];
        }
        const ptrdiff_t done = numbers ? run_strips_of_block<T>(kernel, in, out[0], count) : 0;
        if (done < count) {
            for (int i = 0; i < inputs; ++i)
                if (i < arrays || !numbers) in[i] += done;
            for (int j = 0; j < outputs; ++j) out[j] += done;
            run_contiguous<T>(kernel, in, out, count - done);
            for (int j = 0; j < outputs; ++j) out[j] -= done;
            for (int i = 0; i < inputs; ++i)
                if (i < arrays || !numbers) in[i] -= done;
        }
        for (int j = 0; j < outputs; ++j) {
            const int i = inputs + j;
            char* target = operands[i] + begin * strides[i];
            if (reinterpret_cast<char*>(out[j]) != target) store_results<S>(out[j], target, strides[i], count);
        }
    }
}

// Whether the arrays are contiguous and the parameters one number each.
template <class S>
inline bool suits_strips(const Elementwise& kernel, const ptrdiff_t* strides) {
    const int arrays = kernel.inputs - kernel.parameters;
    return parameters_are_numbers(kernel, strides) && is_contiguous<S>(strides, arrays) &&
           is_contiguous<S>(strides + kernel.inputs, kernel.outputs);
}

// Strips from the first line of the output on. What lies before it and what is left over runs in blocks.
template <class S, class P>
[[gnu::noinline]] void run_in_strips(const Elementwise& kernel, char* const* operands, const ptrdiff_t* strides,
                                     ptrdiff_t n) {
    char* rest[max_operands];
    const auto start_at = [&](ptrdiff_t begin) {
        for (int i = 0; i < kernel.inputs + kernel.outputs; ++i) rest[i] = operands[i] + begin * strides[i];
    };
    const ptrdiff_t begin = before_first_line(reinterpret_cast<S*>(operands[kernel.inputs]), n);
    if (begin > 0) run_blocks<S, P>(kernel, operands, strides, begin);
    start_at(begin);
    compute_t<S> parameters[max_operands];
    for (int i = kernel.inputs - kernel.parameters; i < kernel.inputs; ++i) {
        parameters[i] = to_compute(*reinterpret_cast<const P*>(operands[i]));
        rest[i] = reinterpret_cast<char*>(&parameters[i]);
    }
    const ptrdiff_t end = begin + kernel.strips[int(dtype_of<S>)](rest, n - begin);
    start_at(end);
    if (end < n) run_blocks<S, P>(kernel, rest, strides, n - end);
}

// Arrays are stored as S, parameters as P: as S too, or as the type that S computes in.
template <class S, class P = S>
void run_elementwise(const Elementwise& kernel, char* const* operands, const ptrdiff_t* strides, ptrdiff_t n) {
    using T = compute_t<S>;
    if constexpr (__is_same(S, T)) {
        if (n == 1 || is_contiguous<S>(strides, kernel.inputs + kernel.outputs)) {
            run_contiguous(kernel, reinterpret_cast<const T* const*>(operands),
                           reinterpret_cast<T* const*>(operands + kernel.inputs), n);
            return;
        }
    }
    if (n >= strip<T> && kernel.strips[int(dtype_of<S>)] && suits_strips<S>(kernel, strides))
        run_in_strips<S, P>(kernel, operands, strides, n);
    else
        run_blocks<S, P>(kernel, operands, strides, n);
}

template <class Operation>
constexpr Elementwise parameter_gradient_kernel() {
    if constexpr (requires { Operation::template backward_parameter<float>; })
        return elementwise_kernel<BackwardWithParameter<Operation>>();
    else
        return {};
}

template <class Operation>
constexpr Activation activation() {
    return {Operation::name,
            &Operation::description,
            parameters_of<Operation>(),
            required_parameter_count<Operation>(),
            elementwise_kernel<Forward<Operation>>(),
            elementwise_kernel<Backward<Operation>>(),
            parameter_gradient_kernel<Operation>()};
}

template <class Operation>
constexpr GatedActivation gated_activation() {
    return {Operation::name, &Operation::description, elementwise_kernel<GatedForward<Operation>>(),
            elementwise_kernel<GatedBackward<Operation>>()};
}

NPFUSE_FORMULAS_END
