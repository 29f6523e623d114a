// Numbers as they lie in device memory, up to 16 bytes at a time, on their way to the computing type and back.
#pragma once

#ifndef NPFUSE_ISA
#define NPFUSE_ISA cuda
#endif
#include "../loops/storage.h"
#include "../table.h"
#include "block.h"

NPFUSE_FORMULAS_BEGIN

template <class S>
inline constexpr int pack_length = 16 / sizeof(S);

template <class S, int length>
struct alignas(length * sizeof(S) < 16 ? length * sizeof(S) : 16) Pack {
    S numbers[length];
};

// Elements [first, first + count) of the array: a whole pack in one access where it is aligned. Half types are
// converted when everything is on its way that is read together, so that no read waits for the one before.
template <class S, int length>
NPFUSE_DEVICE Pack<S, length> read_pack(const void* array, long long first, bool whole, int count) {
    const S* source = static_cast<const S*>(array) + first;
    if (whole) return *reinterpret_cast<const Pack<S, length>*>(source);
    Pack<S, length> pack = {};
#pragma unroll
    for (int k = 0; k < length; ++k)
        if (k < count) pack.numbers[k] = source[k];
    return pack;
}

template <class S, int length, class T>
NPFUSE_DEVICE void convert(const Pack<S, length>& pack, T (&numbers)[length]) {
#pragma unroll
    for (int k = 0; k < length; ++k) numbers[k] = T(to_compute(pack.numbers[k]));
}

template <int length, class T>
NPFUSE_DEVICE void fill(T value, T (&numbers)[length]) {
#pragma unroll
    for (int k = 0; k < length; ++k) numbers[k] = value;
}

template <class S, int length, class T>
NPFUSE_DEVICE void load_pack(const void* array, long long first, bool whole, int count, T (&numbers)[length]) {
    convert(read_pack<S, length>(array, first, whole, count), numbers);
}

template <class S, int length>
NPFUSE_DEVICE void store_pack(const S (&numbers)[length], void* array, long long first, bool whole, int count) {
    S* target = static_cast<S*>(array) + first;
    if (whole) {
        Pack<S, length> pack;
#pragma unroll
        for (int k = 0; k < length; ++k) pack.numbers[k] = numbers[k];
        *reinterpret_cast<Pack<S, length>*>(target) = pack;
        return;
    }
#pragma unroll
    for (int k = 0; k < length; ++k)
        if (k < count) target[k] = numbers[k];
}

// The same of numbers that are rounded to the storage first.
template <class S, int length>
NPFUSE_DEVICE void store_rounded(const compute_t<S> (&numbers)[length], void* array, long long first, bool whole,
                                 int count) {
    S rounded[length];
#pragma unroll
    for (int k = 0; k < length; ++k) from_compute(numbers[k], rounded[k]);
    store_pack<S>(rounded, array, first, whole, count);
}

// A storage known only when the kernel runs.
template <int length, class T>
NPFUSE_DEVICE void load_stored(DType storage, const void* array, long long first, bool whole, int count,
                               T (&numbers)[length]) {
    switch (storage) {
        case DType::float16:
            return load_pack<float16>(array, first, whole, count, numbers);
        case DType::bfloat16:
            return load_pack<bfloat16>(array, first, whole, count, numbers);
        case DType::float32:
            return load_pack<float>(array, first, whole, count, numbers);
        default:
            return load_pack<double>(array, first, whole, count, numbers);
    }
}

NPFUSE_FORMULAS_END
