// Numbers as they lie in device memory, 16 bytes at a time, on their way to the computing type and back.
#pragma once

#ifndef NPFUSE_ISA
#define NPFUSE_ISA cuda
#endif
#include "../loops/storage.h"
#include "block.h"

NPFUSE_FORMULAS_BEGIN

template <class S>
inline constexpr int pack_length = 16 / sizeof(S);

template <class S>
struct alignas(16) Pack {
    S numbers[pack_length<S>];
};

// Elements [first, first + count) of the array: a whole pack in one access where it is aligned.
template <class S>
NPFUSE_DEVICE void load_pack(const void* array, long long first, bool whole, int count, compute_t<S>* numbers) {
    const S* source = static_cast<const S*>(array) + first;
    Pack<S> pack = {};
    if (whole) {
        pack = *reinterpret_cast<const Pack<S>*>(source);
    } else {
#pragma unroll
        for (int k = 0; k < pack_length<S>; ++k)
            if (k < count) pack.numbers[k] = source[k];
    }
#pragma unroll
    for (int k = 0; k < pack_length<S>; ++k) numbers[k] = to_compute(pack.numbers[k]);
}

template <class S>
NPFUSE_DEVICE void store_pack(const compute_t<S>* numbers, void* array, long long first, bool whole, int count) {
    S* target = static_cast<S*>(array) + first;
    Pack<S> pack;
#pragma unroll
    for (int k = 0; k < pack_length<S>; ++k) from_compute(numbers[k], pack.numbers[k]);
    if (whole) {
        *reinterpret_cast<Pack<S>*>(target) = pack;
        return;
    }
#pragma unroll
    for (int k = 0; k < pack_length<S>; ++k)
        if (k < count) target[k] = pack.numbers[k];
}

NPFUSE_FORMULAS_END
