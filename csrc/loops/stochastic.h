// Rounding to bfloat16 up or down at random, with the probability that keeps the number on average. Updates too small
// for a half type's steps are then not lost, and no wider copy of a parameter is needed.
#pragma once

#include "../formulas/random.h"
#include "operand.h"

NPFUSE_FORMULAS_BEGIN

// Each number of the generator serves eight elements of a block, this far from each other.
inline constexpr ptrdiff_t numbers_per_block = block_length / 8;

// Sixteen random bits for each of the block_length elements of a block that the block's numbers from begin to end
// serve.
inline void random_bits(const StochasticRounding& rounding, ptrdiff_t block, ptrdiff_t begin, ptrdiff_t end,
                        uint16_t* bits) {
    const unsigned long long first = (unsigned long long)(block)*numbers_per_block;
#pragma omp simd
    for (ptrdiff_t i = begin; i < end; ++i) {
        const unsigned long long number = first + (unsigned long long)(i);
        const RandomWords random = random_words(
            {{(unsigned int)(number), (unsigned int)(number >> 32), rounding.array, rounding.step}}, rounding.seed);
        for (ptrdiff_t word = 0; word < 4; ++word) {
            bits[2 * word * numbers_per_block + i] = uint16_t(random.word[word]);
            bits[(2 * word + 1) * numbers_per_block + i] = uint16_t(random.word[word] >> 16);
        }
    }
}

NPFUSE_FORMULA bfloat16 round_at_random(float x, uint16_t bits) {
    const uint32_t exact = __builtin_bit_cast(uint32_t, x);
    const uint32_t rounded = (exact + bits) >> 16, nan = (exact >> 16) | 0x40u;
    return {uint16_t(x != x ? nan : rounded)};
}

// first is the number of the block's first element; a block does not cross a multiple of block_length.
inline void store_at_random(const float* block, const Operand& operand, ptrdiff_t begin, ptrdiff_t n,
                            const StochasticRounding& rounding, ptrdiff_t first) {
    uint16_t bits[block_length];
    const uint16_t* own = bits + first % block_length;
    const ptrdiff_t number = first % numbers_per_block;
    if (number + n <= numbers_per_block)  // a short run needs few
        random_bits(rounding, first / block_length, number, number + n, bits);
    else
        random_bits(rounding, first / block_length, 0, numbers_per_block, bits);
    Block<bfloat16> rounded;
#pragma omp simd
    for (ptrdiff_t i = 0; i < n; ++i) rounded.numbers[i] = round_at_random(block[i], own[i]);
    scatter(rounded.numbers, operand, operand.data + begin * operand.stride, n);
}

NPFUSE_FORMULAS_END
