// How an elementwise formula runs over memory.
#pragma once

#include "../formulas/registry.h"
#include "../table.h"
#include "abreast.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

template <class Operation>
constexpr size_t parameter_count() {
    if constexpr (requires { Operation::parameters; })
        return sizeof(Operation::parameters) / sizeof(Parameter);
    else
        return 0;
}

template <class Operation>
constexpr Span<Parameter> parameters_of() {
    if constexpr (requires { Operation::parameters; })
        return {Operation::parameters, parameter_count<Operation>()};
    else
        return {nullptr, 0};
}

template <class Operation>
constexpr size_t required_parameter_count() {
    if constexpr (requires { Operation::required_parameters; })
        return Operation::required_parameters;
    else
        return 0;
}

// How many chunks of its forward formula an operation wants abreast at most.
template <class Operation>
constexpr ptrdiff_t most_forward_abreast() {
    if constexpr (requires { Operation::most_forward_abreast; })
        return Operation::most_forward_abreast;
    else
        return most_abreast;
}

// What a contiguous loop needs to know of a formula: how many numbers go in, how many chunks abreast, and the call.
template <class Operation>
struct Forward {
    static constexpr int inputs = 1 + parameter_count<Operation>();
    static constexpr ptrdiff_t abreast = most_forward_abreast<Operation>();
    template <class... T>
    NPFUSE_FORMULA static auto apply(T... operands) {
        return Operation::forward(operands...);
    }
};

template <class Operation>
struct Backward {
    static constexpr int inputs = 2 + parameter_count<Operation>();
    static constexpr ptrdiff_t abreast = most_abreast;
    template <class... T>
    NPFUSE_FORMULA static auto apply(T... operands) {
        return Operation::backward(operands...);
    }
};

// dy, gate, x -> dgate, dx.
template <class Operation>
struct GatedBackward {
    static constexpr int inputs = 3;
    template <class T>
    NPFUSE_FORMULA static Pair<T> apply(T dy, T gate, T x) {
        return {Operation::backward_gate(dy, gate, x), Operation::backward_x(dy, gate, x)};
    }
};

// dy, x, parameter -> dx, and what each element adds to the gradient of the parameter.
template <class Operation>
struct BackwardWithParameter {
    static constexpr int inputs = 3;
    template <class T>
    NPFUSE_FORMULA static Pair<T> apply(T dy, T x, T parameter) {
        return {Operation::backward(dy, x, parameter), Operation::backward_parameter(dy, x, parameter)};
    }
};

// Formulas of two results.
template <class Formula, class T>
void contiguous_two(const T* const* inputs, T* const* outputs, ptrdiff_t n) {
    static_assert(Formula::inputs == 3);
    const ptrdiff_t whole = n & -kernel_chunk<T>;
    const T *a = inputs[0], *b = inputs[1], *c = inputs[2];
    T *y = outputs[0], *z = outputs[1];
#pragma omp simd
    for (ptrdiff_t i = 0; i < whole; ++i) {
        const Pair<T> both = Formula::apply(a[i], b[i], c[i]);
        y[i] = both.hi;
        z[i] = both.lo;
    }
}

template <class Formula>
constexpr Elementwise elementwise_kernel_of_two() {
    return {Formula::inputs, 2, contiguous_two<Formula, float>, contiguous_two<Formula, double>};
}

template <class Formula, class T>
void contiguous(const T* const* inputs, T* const* outputs, ptrdiff_t n) {
    const auto formula = [](auto... operands) __attribute__((always_inline)) { return Formula::apply(operands...); };
    if constexpr (Formula::inputs == 1) {
        apply_to_whole_chunks<Formula::abreast>(formula, n, outputs[0], inputs[0]);
    } else if constexpr (Formula::inputs == 2) {
        apply_to_whole_chunks<Formula::abreast>(formula, n, outputs[0], inputs[0], inputs[1]);
    } else if constexpr (Formula::inputs == 3) {
        apply_to_whole_chunks<Formula::abreast>(formula, n, outputs[0], inputs[0], inputs[1], inputs[2]);
    } else {
        static_assert(Formula::inputs == 4);
        apply_to_whole_chunks<Formula::abreast>(formula, n, outputs[0], inputs[0], inputs[1], inputs[2], inputs[3]);
    }
}

template <class Formula>
constexpr Elementwise elementwise_kernel() {
    return {Formula::inputs, 1, contiguous<Formula, float>, contiguous<Formula, double>};
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

// Half types are converted in longer blocks: a kernel fills and drains once for each.
inline constexpr ptrdiff_t longer_block = 2 * block_length;

// Apart from the rest, lest a call of one number set up a frame of its size.
template <class S>
[[gnu::noinline]] void run_blocks(const Elementwise& kernel, char* const* operands, const ptrdiff_t* strides,
                                  ptrdiff_t n) {
    using T = compute_t<S>;
    const int inputs = kernel.inputs, outputs = kernel.outputs;
    alignas(64) T buffers[max_operands][longer_block];
    const T* in[max_operands];
    T* out[max_operands];
    for (ptrdiff_t begin = 0; begin < n; begin += longer_block) {
        const ptrdiff_t count = n - begin < longer_block ? n - begin : longer_block;
        for (int i = 0; i < inputs; ++i) {
            const bool filled_before = strides[i] == 0 && begin > 0;
            if (!filled_before) in[i] = load_block<S>(operands[i] + begin * strides[i], strides[i], count, buffers[i]);
        }
        for (int j = 0; j < outputs; ++j) {
            const int i = inputs + j;
            const bool in_place = __is_same(S, T) && strides[i] == ptrdiff_t(sizeof(S));
            out[j] = in_place ? reinterpret_cast<T*>(operands[i] + begin * strides[i]) : buffers[i];
        }
        run_contiguous<T>(kernel, in, out, count);
        for (int j = 0; j < outputs; ++j) {
            const int i = inputs + j;
            if (out[j] == buffers[i]) store_results<S>(buffers[i], operands[i] + begin * strides[i], strides[i], count);
        }
    }
}

template <class S>
void run_elementwise(const Elementwise& kernel, char* const* operands, const ptrdiff_t* strides, ptrdiff_t n) {
    using T = compute_t<S>;
    if constexpr (__is_same(S, T)) {
        if (n == 1 || is_contiguous<S>(strides, kernel.inputs + kernel.outputs)) {
            run_contiguous(kernel, reinterpret_cast<const T* const*>(operands),
                           reinterpret_cast<T* const*>(operands + kernel.inputs), n);
            return;
        }
    }
    run_blocks<S>(kernel, operands, strides, n);
}

template <class Operation>
constexpr Elementwise parameter_gradient_kernel() {
    if constexpr (requires { Operation::template backward_parameter<float>; })
        return elementwise_kernel_of_two<BackwardWithParameter<Operation>>();
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

template <class... Operations>
struct ActivationsOf;
template <class... Operations>
struct ActivationsOf<List<Operations...>> {
    static constexpr Activation entries[] = {activation<Operations>()...};
    static constexpr Span<Activation> span = {entries, sizeof...(Operations)};
};

template <class Operation>
struct GatedForward {
    static constexpr int inputs = 2;
    static constexpr ptrdiff_t abreast = most_forward_abreast<Operation>();
    template <class T>
    NPFUSE_FORMULA static T apply(T gate, T x) {
        return Operation::forward(gate, x);
    }
};

template <class Operation>
constexpr GatedActivation gated_activation() {
    return {Operation::name, &Operation::description, elementwise_kernel<GatedForward<Operation>>(),
            elementwise_kernel_of_two<GatedBackward<Operation>>()};
}

template <class... Operations>
struct GatedActivationsOf;
template <class... Operations>
struct GatedActivationsOf<List<Operations...>> {
    static constexpr GatedActivation entries[] = {gated_activation<Operations>()...};
    static constexpr Span<GatedActivation> span = {entries, sizeof...(Operations)};
};

NPFUSE_FORMULAS_END
