// How formulas run over contiguous arrays when each of their parameters is one number, which then stays in a register.
//
// Cheap formulas run so over half types, too: a strip at a time is converted, computed and converted back in registers,
// where passes over blocks in memory would take longer than the formula itself.
#pragma once

#include "../table.h"
#include "forms.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

// x86-64-v2 does without: size counts for more there.
#if defined(__x86_64__) && !defined(__AVX2__)
inline constexpr bool has_strips = false;
#else
inline constexpr bool has_strips = true;
#endif

// Four registers' worth of AVX-512, of any other instruction set's as much as its registers hold of three operands.
#if defined(__AVX512F__)
template <class T>
inline constexpr ptrdiff_t strip = 256 / sizeof(T);
#else
template <class T>
inline constexpr ptrdiff_t strip = 128 / sizeof(T);
#endif

template <class S>
NPFUSE_FORMULA void load_strip(const S* source, compute_t<S>* numbers) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < strip<compute_t<S>>; ++i) numbers[i] = to_compute(source[i]);
}

template <class S>
NPFUSE_FORMULA void store_strip(const compute_t<S>* numbers, S* target) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < strip<compute_t<S>>; ++i) from_compute(numbers[i], target[i]);
}

template <>
NPFUSE_FORMULA void store_strip(const float* numbers, bfloat16* target) {
    store_rounded_halves(numbers, target, strip<float>);
}

#if defined(NPFUSE_FLOAT16_INSTRUCTIONS)

template <>
NPFUSE_FORMULA void load_strip(const float16* source, float* numbers) {
    for (ptrdiff_t i = 0; i < strip<float>; i += float16_lanes) load_lanes(source + i, numbers + i);
}

template <>
NPFUSE_FORMULA void store_strip(const float* numbers, float16* target) {
    for (ptrdiff_t i = 0; i < strip<float>; i += float16_lanes) store_lanes(numbers + i, target + i);
}

#endif

// Applies a formula to as many operands as it takes, each asked for by its index.
template <class Formula, class Operand, class... Given>
NPFUSE_FORMULA auto apply_to_operands(const Operand& operand, Given... given) {
    if constexpr (sizeof...(given) == Formula::inputs)
        return Formula::apply(given...);
    else
        return apply_to_operands<Formula>(operand, given..., operand(int(sizeof...(given))));
}

template <class Formula, class S>
struct Strips {
    using T = compute_t<S>;
    static constexpr int inputs = Formula::inputs, arrays = inputs - Formula::parameters, outputs = Formula::outputs;

    char* const* operands;
    T parameters[max_operands];

    NPFUSE_FORMULA explicit Strips(char* const* operands) : operands(operands) {
        for (int i = arrays; i < inputs; ++i) parameters[i] = *reinterpret_cast<const T*>(operands[i]);
    }

    NPFUSE_FORMULA S* array(int i) const { return reinterpret_cast<S*>(operands[i]); }

    template <class... Numbers>
    NPFUSE_FORMULA auto apply(Numbers... numbers) const {
        return apply_to_operands<Formula>([&](int i) __attribute__((always_inline)) { return parameters[i]; },
                                          numbers...);
    }

    NPFUSE_FORMULA void convert(ptrdiff_t begin) const {
        T x[arrays][strip<T>], results[outputs][strip<T>];
        NPFUSE_UNROLL
        for (int i = 0; i < arrays; ++i) load_strip<S>(array(i) + begin, x[i]);
#pragma omp simd
        for (ptrdiff_t j = 0; j < strip<T>; ++j) {
            const auto result = apply_to_operands<Formula>(
                [&](int i) __attribute__((always_inline)) { return i < arrays ? x[i][j] : parameters[i]; });
            if constexpr (outputs == 1)
                results[0][j] = result;
            else
                results[0][j] = result.hi, results[1][j] = result.lo;
        }
        NPFUSE_UNROLL
        for (int i = 0; i < outputs; ++i) store_strip<S>(results[i], array(inputs + i) + begin);
    }
};

template <class Formula, class S>
inline bool suits_plain(char* const* operands) {
    using T = compute_t<S>;
    const auto parameter = [&](int i) { return *reinterpret_cast<const T*>(operands[Formula::inputs - i]); };
    if constexpr (Formula::parameters == 1)
        return Formula::Formulas::suits_plain(parameter(1));
    else
        return Formula::Formulas::suits_plain(parameter(2), parameter(1));
}

// Returns how many numbers it did.
template <class Formula, class S>
ptrdiff_t run_strips(char* const* operands, ptrdiff_t n) {
    using T = compute_t<S>;
    if constexpr (Formula::has_plain) {
        if (suits_plain<Formula, S>(operands)) return run_strips<typename Formula::Plain, S>(operands, n);
    }
    const Strips<Formula, S> strips(operands);
    S* const y = strips.array(Formula::inputs);
    if constexpr (__is_same(S, T)) {
        const auto formula = [&](auto... x) __attribute__((always_inline)) { return strips.apply(x...); };
        if constexpr (strips.arrays == 1)
            return apply_to_whole_chunks<Formula::interleaved>(formula, n, y, strips.array(0));
        else
            return apply_to_whole_chunks<Formula::interleaved>(formula, n, y, strips.array(0), strips.array(1));
    } else {
        const ptrdiff_t whole = n & -strip<T>;
        for (ptrdiff_t begin = 0; begin < whole; begin += strip<T>) strips.convert(begin);
        return whole;
    }
}

NPFUSE_FORMULAS_END
