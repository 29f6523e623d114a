// Blocks of an operand of any kind, on their way to the computing type T and back: every storage, stride, byte order
// and alignment.
#pragma once

#include "../table.h"
#include "storage.h"

NPFUSE_FORMULAS_BEGIN

template <class S>
inline S swap_bytes(S x) {
    if constexpr (sizeof(S) == 2)
        return __builtin_bit_cast(S, __builtin_bswap16(__builtin_bit_cast(uint16_t, x)));
    else if constexpr (sizeof(S) == 4)
        return __builtin_bit_cast(S, __builtin_bswap32(__builtin_bit_cast(uint32_t, x)));
    else
        return __builtin_bit_cast(S, __builtin_bswap64(__builtin_bit_cast(uint64_t, x)));
}

// Numbers of storage S, as aligned and native as loops want them: a buffer in between where they are not.
template <class S>
inline void gather(const Operand& operand, const char* source, ptrdiff_t n, S* buffer) {
    for (ptrdiff_t i = 0; i < n; ++i) {
        S x;
        __builtin_memcpy(&x, source + i * operand.stride, sizeof(S));
        buffer[i] = operand.swapped ? swap_bytes(x) : x;
    }
}

template <class S>
inline void scatter(const S* buffer, const Operand& operand, char* target, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; ++i) {
        const S x = operand.swapped ? swap_bytes(buffer[i]) : buffer[i];
        __builtin_memcpy(target + i * operand.stride, &x, sizeof(S));
    }
}

template <class T>
struct Block {
    alignas(64) T numbers[block_length];
};

inline bool needs_copy(const Operand& operand) { return operand.swapped || !operand.aligned; }

template <class S, class T>
const T* load_stored(const Operand& operand, ptrdiff_t begin, ptrdiff_t n, T* buffer) {
    const char* source = operand.data + begin * operand.stride;
    if constexpr (__is_same(S, T)) {
        if (!needs_copy(operand)) return load_block<S>(source, operand.stride, n, buffer);
        gather(operand, source, n, buffer);
        return buffer;
    } else if constexpr (__is_same(S, compute_t<S>)) {
        Block<S> gathered;  // nothing else: stacks may be small
        const S* numbers = gathered.numbers;
        if (needs_copy(operand))
            gather(operand, source, n, gathered.numbers);
        else
            numbers = load_block<S>(source, operand.stride, n, gathered.numbers);
        for (ptrdiff_t i = 0; i < n; ++i) buffer[i] = T(numbers[i]);
        return buffer;
    } else {
        Block<S> gathered;
        ptrdiff_t stride = operand.stride;
        if (needs_copy(operand)) {
            gather(operand, source, n, gathered.numbers);
            source = reinterpret_cast<const char*>(gathered.numbers);
            stride = sizeof(S);
        }
        if constexpr (__is_same(compute_t<S>, T)) {
            return load_block<S>(source, stride, n, buffer);
        } else {
            Block<compute_t<S>> widened;
            const compute_t<S>* block = load_block<S>(source, stride, n, widened.numbers);
            for (ptrdiff_t i = 0; i < n; ++i) buffer[i] = T(block[i]);
            return buffer;
        }
    }
}

// Where the operand's numbers [begin, begin + n) are found as contiguous numbers of type T: in place if they already
// do, else in the buffer.
template <class T>
const T* load(const Operand& operand, ptrdiff_t begin, ptrdiff_t n, T* buffer) {
    switch (operand.storage) {
        case DType::float16:
            return load_stored<float16>(operand, begin, n, buffer);
        case DType::bfloat16:
            return load_stored<bfloat16>(operand, begin, n, buffer);
        case DType::float32:
            return load_stored<float>(operand, begin, n, buffer);
        default:
            return load_stored<double>(operand, begin, n, buffer);
    }
}

// Puts the numbers back where they came from, which needs nothing where they never left.
template <class S>
void store(const compute_t<S>* block, const Operand& operand, ptrdiff_t begin, ptrdiff_t n) {
    char* target = operand.data + begin * operand.stride;
    if (reinterpret_cast<const char*>(block) == target) return;
    if (needs_copy(operand)) {
        Block<S> converted;
        store_contiguous(block, converted.numbers, n);
        scatter(converted.numbers, operand, target, n);
    } else {
        store_block<S>(block, target, operand.stride, n);
    }
}

NPFUSE_FORMULAS_END
