// Blocks of numbers on their way between an array, however it is stored, and contiguous memory of the type that the
// formulas compute in. A formula only ever sees contiguous float or double; this is why one compiled kernel serves
// every stride and every half type, with the same bits.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__F16C__) && !defined(__CUDACC__)
#define NPFUSE_FLOAT16_INSTRUCTIONS
#include <immintrin.h>
#endif

#include "../formulas/language.h"
#include "../table.h"

NPFUSE_FORMULAS_BEGIN

// Elements per block: a handful of blocks fit into the smallest L1 cache together.
inline constexpr ptrdiff_t block_length = 1024;

// Blocks of one length for so many operands, in memory of a fixed size: the stacks of some systems' threads are small,
// and what has few operands is converted in longer blocks, since a kernel fills and drains once for each.
template <class T>
class BlockBuffers {
public:
    const ptrdiff_t length;  // a multiple of every lane and chunk count

    explicit BlockBuffers(int operands) : length(length_for(operands)) {}

    T* operator[](int i) { return memory_ + i * length; }

private:
    static constexpr ptrdiff_t capacity = 28672 / sizeof(T), longest = 2 * block_length, multiple = 64;

    static ptrdiff_t length_for(int operands) {
        const ptrdiff_t share = capacity / operands / multiple * multiple;
        return share < longest ? share : longest;
    }

    alignas(64) T memory_[capacity];
};

struct float16 {
    uint16_t bits;
};
struct bfloat16 {
    uint16_t bits;
};

template <class S>
struct ComputeType {
    using type = S;
};
template <>
struct ComputeType<float16> {
    using type = float;
};
template <>
struct ComputeType<bfloat16> {
    using type = float;
};
template <class S>
using compute_t = typename ComputeType<S>::type;

template <class S>
inline constexpr DType dtype_of = DType::float32;
template <>
inline constexpr DType dtype_of<float16> = DType::float16;
template <>
inline constexpr DType dtype_of<bfloat16> = DType::bfloat16;
template <>
inline constexpr DType dtype_of<double> = DType::float64;

NPFUSE_FORMULA float to_compute(float x) { return x; }
NPFUSE_FORMULA double to_compute(double x) { return x; }

NPFUSE_FORMULA float to_compute(bfloat16 x) { return __builtin_bit_cast(float, uint32_t(x.bits) << 16); }

NPFUSE_FORMULA float to_compute(float16 x) {
#if defined(NPFUSE_FLOAT16_INSTRUCTIONS)
    return _cvtsh_ss(x.bits);
#elif defined(__CUDA_ARCH__)
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
    return result;
#else
    uint32_t sign = uint32_t(x.bits & 0x8000u) << 16;
    uint32_t magnitude = uint32_t(x.bits & 0x7fffu) << 13;
    // As a float the shifted bits are too small by 2^112, for normal and subnormal numbers alike.
    uint32_t finite = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) * 0x1p112f);
    uint32_t quiet = magnitude > 0x0f800000u ? 0x00400000u : 0u;
    uint32_t infinite_or_nan = magnitude | 0x7f800000u | quiet;
    uint32_t result = magnitude >= 0x0f800000u ? infinite_or_nan : finite;
    return __builtin_bit_cast(float, result | sign);
#endif
}

NPFUSE_FORMULA void from_compute(float x, float& stored) { stored = x; }
NPFUSE_FORMULA void from_compute(double x, double& stored) { stored = x; }

// Of anything but a NaN with something in the half that is dropped. In 16 bits wherever that does: it makes vectors of
// twice as many numbers.
NPFUSE_FORMULA uint16_t rounded_half(float x) {
    uint32_t bits = __builtin_bit_cast(uint32_t, x);
    uint16_t kept = uint16_t(bits >> 16), dropped = uint16_t(bits);
    // More than half of the last place rounds up, and just half does where what is kept is odd.
    uint16_t compared = uint16_t(dropped | (kept & 1u));
    return uint16_t(kept + (compared > 0x8000u));
}

NPFUSE_FORMULA void from_compute(float x, bfloat16& stored) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(stored.bits) : "f"(x));
#else
    uint16_t quiet = uint16_t((__builtin_bit_cast(uint32_t, x) >> 16) | 0x40u);
    stored.bits = x != x ? quiet : rounded_half(x);
#endif
}

NPFUSE_FORMULA void from_compute(float x, float16& stored) {
#if defined(NPFUSE_FLOAT16_INSTRUCTIONS)
    stored.bits = _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT);
#elif defined(__CUDA_ARCH__)
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(stored.bits) : "f"(x));
#else
    uint32_t bits = __builtin_bit_cast(uint32_t, x);
    uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    // Adding 2^-1 leaves a subnormal half, rounded by the hardware, in the low bits.
    float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3f000000u;
    uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
    uint32_t result = magnitude < 0x38800000u ? subnormal : normal;
    result = magnitude >= 0x477ff000u ? 0x7c00u : result;
    result = magnitude > 0x7f800000u ? nan : result;
    stored.bits = uint16_t(result | sign);
#endif
}

// How many numbers lie before the first cache line that begins with one: stores that cross lines are slow, which shows
// where there are many.
template <class T>
inline ptrdiff_t before_first_line(const T* numbers, ptrdiff_t n) {
    constexpr ptrdiff_t line = 64;
    return n < 4096 ? 0 : ptrdiff_t(-reinterpret_cast<uintptr_t>(numbers) % line / sizeof(T));
}

template <class S>
[[gnu::noinline]] void load_contiguous(const S* source, compute_t<S>* block, ptrdiff_t n) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) block[i] = to_compute(source[i]);
}

template <class S>
[[gnu::noinline]] void store_contiguous(const compute_t<S>* block, S* target, ptrdiff_t n) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) from_compute(block[i], target[i]);
}

#if defined(NPFUSE_FLOAT16_INSTRUCTIONS)

// gcc does not vectorise these instructions by itself.

#if defined(__AVX512F__)
inline constexpr ptrdiff_t float16_lanes = 16;
inline constexpr __mmask16 all_lanes = 0xffff;  // without a mask, gcc 12 warns of its own header
inline void load_lanes(const float16* source, float* block) {
    _mm512_storeu_ps(block, _mm512_maskz_cvtph_ps(all_lanes, _mm256_loadu_si256((const __m256i*)source)));
}
inline void store_lanes(const float* block, float16* target) {
    _mm256_storeu_si256((__m256i*)target,
                        _mm512_maskz_cvtps_ph(all_lanes, _mm512_loadu_ps(block), _MM_FROUND_TO_NEAREST_INT));
}
#else
inline constexpr ptrdiff_t float16_lanes = 8;
inline void load_lanes(const float16* source, float* block) {
    _mm256_storeu_ps(block, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)source)));
}
inline void store_lanes(const float* block, float16* target) {
    _mm_storeu_si128((__m128i*)target, _mm256_cvtps_ph(_mm256_loadu_ps(block), _MM_FROUND_TO_NEAREST_INT));
}
#endif

template <>
[[gnu::noinline, maybe_unused]] void load_contiguous(const float16* source, float* block, ptrdiff_t n) {
    const ptrdiff_t whole = n & -float16_lanes;
    for (ptrdiff_t i = 0; i < whole; i += float16_lanes) load_lanes(source + i, block + i);
    for (ptrdiff_t i = whole; i < n; ++i) block[i] = to_compute(source[i]);
}

template <>
[[gnu::noinline, maybe_unused]] void store_contiguous(const float* block, float16* target, ptrdiff_t n) {
    const ptrdiff_t whole = n & -float16_lanes;
    for (ptrdiff_t i = 0; i < whole; i += float16_lanes) store_lanes(block + i, target + i);
    for (ptrdiff_t i = whole; i < n; ++i) from_compute(block[i], target[i]);
}

#endif

// Where n numbers starting at source, stride bytes apart, are found as contiguous numbers of the computing type: in
// place when they already do, else in the buffer.
template <class S>
[[gnu::noinline]] const compute_t<S>* load_block(const char* source, ptrdiff_t stride, ptrdiff_t n,
                                                 compute_t<S>* buffer) {
    if (stride == ptrdiff_t(sizeof(S))) {
        if constexpr (__is_same(S, compute_t<S>)) return reinterpret_cast<const S*>(source);
        load_contiguous(reinterpret_cast<const S*>(source), buffer, n);
    } else if (stride == 0 && n > 0) {
        compute_t<S> value = to_compute(*reinterpret_cast<const S*>(source));
        for (ptrdiff_t i = 0; i < n; ++i) buffer[i] = value;
    } else {
        for (ptrdiff_t i = 0; i < n; ++i) buffer[i] = to_compute(*reinterpret_cast<const S*>(source + i * stride));
    }
    return buffer;
}

template <class S>
[[gnu::noinline]] void store_block(const compute_t<S>* block, char* target, ptrdiff_t stride, ptrdiff_t n) {
    if (stride == ptrdiff_t(sizeof(S))) {
        store_contiguous(block, reinterpret_cast<S*>(target), n);
    } else {
        for (ptrdiff_t i = 0; i < n; ++i) from_compute(block[i], *reinterpret_cast<S*>(target + i * stride));
    }
}

#if defined(__AVX512BW__) && !defined(__CUDACC__)

// rounded_half of as many numbers as whole registers hold; returns how many they were. Two vectors make one: of the
// upper halves, to which the lower ones carry.
inline ptrdiff_t store_rounded_halves(const float* block, bfloat16* target, ptrdiff_t n) {
    constexpr ptrdiff_t lanes = 32;
    alignas(64) uint16_t upper[lanes], lower[lanes];
    for (uint16_t i = 0; i < lanes; ++i) lower[i] = uint16_t(2 * i), upper[i] = uint16_t(2 * i + 1);
    const __m512i upper_halves = _mm512_load_si512(upper), lower_halves = _mm512_load_si512(lower);
    const __m512i one = _mm512_set1_epi16(1), below_half = _mm512_set1_epi16(0x7ffe);
    const ptrdiff_t whole = n & -lanes;
    for (ptrdiff_t i = 0; i < whole; i += lanes) {
        const __m512i a = _mm512_loadu_si512(block + i), b = _mm512_loadu_si512(block + i + lanes / 2);
        const __m512i kept = _mm512_permutex2var_epi16(a, upper_halves, b);
        const __m512i dropped = _mm512_permutex2var_epi16(a, lower_halves, b);
        // The average rounds up: it has the highest bit where dropped + 0x7fff + (kept & 1) carries.
        const __m512i even = _mm512_add_epi16(_mm512_and_si512(kept, one), below_half);
        const __m512i carry = _mm512_srli_epi16(_mm512_avg_epu16(dropped, even), 15);
        _mm512_storeu_si512(target + i, _mm512_add_epi16(kept, carry));
    }
    return whole;
}

#else

inline ptrdiff_t store_rounded_halves(const float* block, bfloat16* target, ptrdiff_t n) {
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) target[i].bits = rounded_half(block[i]);
    return n;
}

#endif

// Results of operands that were all stored as S: NaN among them has nothing in the half that bfloat16 drops.
template <class S>
[[gnu::noinline]] void store_results(const compute_t<S>* block, char* target, ptrdiff_t stride, ptrdiff_t n) {
    if constexpr (__is_same(S, bfloat16)) {
        const bool is_contiguous = stride == ptrdiff_t(sizeof(S));
        ptrdiff_t i = is_contiguous ? store_rounded_halves(block, reinterpret_cast<S*>(target), n) : 0;
        for (; i < n; ++i) reinterpret_cast<S*>(target + i * stride)->bits = rounded_half(block[i]);
    } else {
        store_block<S>(block, target, stride, n);
    }
}

NPFUSE_FORMULAS_END
