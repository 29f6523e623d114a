// Loops over contiguous memory for long formulas, with several chunks interleaved.
#pragma once

#include "../table.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

// How many chunks are interleaved. They are independent, so that the latency of one is hidden by the others. A chunk is
// one vector of AVX-512; of others it is several already.
#if defined(__AVX512F__)
template <class T>
inline constexpr ptrdiff_t interleaved_chunks = sizeof(T) == 4 ? 4 : 2;
#else
template <class T>
inline constexpr ptrdiff_t interleaved_chunks = 1;
#endif

inline constexpr ptrdiff_t max_interleaved = 4;

// Applies the formula to whole chunks, so many of them interleaved. All are read before any is written: an output may
// be an input.
template <ptrdiff_t interleaved, class Formula, class T, class... Operands>
NPFUSE_FORMULA void apply_interleaved(const Formula& formula, T* y, const Operands*... operands) {
    constexpr ptrdiff_t chunk = kernel_chunk<T>;
    T results[interleaved][chunk];
    NPFUSE_UNROLL
    for (ptrdiff_t k = 0; k < interleaved; ++k)
#pragma omp simd
        for (ptrdiff_t j = 0; j < chunk; ++j) results[k][j] = formula(operands[k * chunk + j]...);
    NPFUSE_UNROLL
    for (ptrdiff_t k = 0; k < interleaved; ++k)
#pragma omp simd
        for (ptrdiff_t j = 0; j < chunk; ++j) y[k * chunk + j] = results[k][j];
}

// The same for a formula of two results.
inline constexpr ptrdiff_t max_interleaved_pairs = 3;

template <ptrdiff_t interleaved, class Formula, class T, class... Operands>
NPFUSE_FORMULA void apply_interleaved_pairs(const Formula& formula, T* y, T* z, const Operands*... operands) {
    constexpr ptrdiff_t chunk = kernel_chunk<T>;
    T first[interleaved][chunk], second[interleaved][chunk];
    NPFUSE_UNROLL
    for (ptrdiff_t k = 0; k < interleaved; ++k)
#pragma omp simd
        for (ptrdiff_t j = 0; j < chunk; ++j) {
            const auto both = formula(operands[k * chunk + j]...);
            first[k][j] = both.hi;
            second[k][j] = both.lo;
        }
    NPFUSE_UNROLL
    for (ptrdiff_t k = 0; k < interleaved; ++k)
#pragma omp simd
        for (ptrdiff_t j = 0; j < chunk; ++j) {
            y[k * chunk + j] = first[k][j];
            z[k * chunk + j] = second[k][j];
        }
}

// Calls apply<count>(i), which is for so many chunks from number i on, until no whole chunk is left; returns how many
// numbers there were.
template <ptrdiff_t most, class T, class Apply>
NPFUSE_FORMULA ptrdiff_t for_whole_chunks(ptrdiff_t n, Apply apply) {
    constexpr ptrdiff_t chunk = kernel_chunk<T>,
                        interleaved = interleaved_chunks<T> < most ? interleaved_chunks<T> : most;
    ptrdiff_t i = 0;
    for (; i + interleaved * chunk <= n; i += interleaved * chunk) apply.template operator()<interleaved>(i);
    if constexpr (interleaved > 1)
        for (; i + chunk <= n; i += chunk) apply.template operator()<1>(i);
    return i;
}

// y[i] = formula(operands[i]...) for whole chunks; returns how many numbers they held.
template <ptrdiff_t most, class Formula, class T, class... Operands>
NPFUSE_FORMULA ptrdiff_t apply_to_whole_chunks(const Formula& formula, ptrdiff_t n, T* y, const Operands*... operands) {
    return for_whole_chunks<most, T>(n, [=]<ptrdiff_t count>(ptrdiff_t i) __attribute__((always_inline)) {
        apply_interleaved<count>(formula, y + i, (operands + i)...);
    });
}

NPFUSE_FORMULAS_END
