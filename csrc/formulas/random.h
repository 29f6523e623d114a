// Random numbers that are a function of where they are needed: no state, so the same bits for any number of threads.
#pragma once

#include "language.h"

NPFUSE_FORMULAS_BEGIN

struct RandomWords {
    unsigned int word[4];
};

// Philox4x32 with 10 rounds: Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.
NPFUSE_FORMULA RandomWords random_words(RandomWords counter, unsigned long long key) {
    unsigned int key0 = (unsigned int)(key), key1 = (unsigned int)(key >> 32);
    unsigned int a = counter.word[0], b = counter.word[1], c = counter.word[2], d = counter.word[3];
    for (int round = 0; round < 10; ++round) {
        const unsigned long long from_a = 0xd2511f53ull * a, from_c = 0xcd9e8d57ull * c;
        a = (unsigned int)(from_c >> 32) ^ b ^ key0;
        c = (unsigned int)(from_a >> 32) ^ d ^ key1;
        b = (unsigned int)(from_c);
        d = (unsigned int)(from_a);
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    return {{a, b, c, d}};
}

NPFUSE_FORMULAS_END
