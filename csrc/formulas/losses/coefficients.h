// Written by tools/fit_polynomials.py; do not edit. The minimax polynomials, lowest degree first.
#pragma once

#include "../math.h"

NPFUSE_FORMULAS_BEGIN

// log(1 + x) = x + x^2 * log1p_tail(x), 0 <= x <= 1; relative error 2^-26.3
NPFUSE_FORMULA float log1p_tail(float x) {
    return polynomial(x,  //
                      -0x1.ffffd2p-2f,
                      0x1.554dfp-2f,
                      -0x1.ff26e6p-3f,
                      0x1.935cacp-3f,
                      -0x1.3a7aa6p-3f,
                      0x1.b57a4p-4f,
                      -0x1.d8642p-5f,
                      0x1.4b0944p-6f,
                      -0x1.b2f76ep-9f);
}

// log(cosh(a)) = z / 2 + z^2 * log_cosh_tail(z), z = a^2 <= 1; relative error 2^-26.7
NPFUSE_FORMULA float log_cosh_tail(float z) {
    return polynomial(z,  //
                      -0x1.555516p-4f,
                      0x1.6c029cp-6f,
                      -0x1.b7f7bcp-8f,
                      0x1.10ee54p-9f,
                      -0x1.25b704p-11f,
                      0x1.7048f8p-14f);
}

// log(1 + x) = x + x^2 * log1p_tail(x), 0 <= x <= 1; relative error 2^-55.5
NPFUSE_FORMULA double log1p_tail(double x) {
    return polynomial(x,  //
                      -0x1.fffffffffffeep-2,
                      0x1.55555555547b2p-2,
                      -0x1.ffffffff87ac2p-3,
                      0x1.99999988924ddp-3,
                      -0x1.555553df8beaap-3,
                      0x1.249233ca7457p-3,
                      -0x1.fffe45b4ca8f1p-4,
                      0x1.c70f38eb4fcbep-4,
                      -0x1.994c7f5f2be1cp-4,
                      0x1.72fe7f9fe959ap-4,
                      -0x1.5063c82d4939ap-4,
                      0x1.2cb450e5ac407p-4,
                      -0x1.027eff2ab3c7ap-4,
                      0x1.9cccdcd9a8accp-5,
                      -0x1.25e83623b7fb1p-5,
                      0x1.654efedbdac32p-6,
                      -0x1.62285cae4c311p-7,
                      0x1.0f4fca727521ap-8,
                      -0x1.2ac16a3786484p-10,
                      0x1.a2471eb08e1cfp-13,
                      -0x1.167ced40cf9fcp-16);
}

// log(cosh(a)) = z / 2 + z^2 * log_cosh_tail(z), z = a^2 <= 1; relative error 2^-58.7
NPFUSE_FORMULA double log_cosh_tail(double z) {
    return polynomial(z,  //
                      -0x1.555555555554cp-4,
                      0x1.6c16c16c15d23p-6,
                      -0x1.ba1ba1b991f6ep-8,
                      0x1.1ea5d387ac2dcp-9,
                      -0x1.833d98f9c42d8p-11,
                      0x1.0d0b1f686f57p-12,
                      -0x1.7d9f567433662p-14,
                      0x1.12dbac74fbbbep-15,
                      -0x1.8ff99e7a4b408p-17,
                      0x1.22d2b90313156p-18,
                      -0x1.9ad73b40ef8ep-20,
                      0x1.094c9ae58572p-21,
                      -0x1.1a6c4e77ab912p-23,
                      0x1.a51428bf8a971p-26,
                      -0x1.3d3ad35a0f3aep-29);
}

NPFUSE_FORMULAS_END
