// Written by tools/fit_polynomials.py; do not edit. The minimax polynomials, lowest degree first.
#pragma once

#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
struct Constants;

template <>
struct Constants<float> {
    static constexpr float log2_e = 0x1.715476p0f;
    static constexpr float ln2_hi = 0x1.62e43p-1f;
    static constexpr float ln2_lo = -0x1.05c61p-29f;
    static constexpr float normal_tail_centre = 0x1.4p2f;
    static constexpr float normal_tail_end = 0x1.d66666p3f;
    static constexpr float inverse_sqrt_2pi = 0x1.988454p-2f;
    static constexpr float sqrt_2 = 0x1.6a09e6p0f;
    static constexpr float sqrt_2_lo = 0x1.9fcef4p-26f;
    static constexpr float sqrt_half = 0x1.6a09e6p-1f;
};

// exp(r) = 1 + r + r^2 * exp_tail(r), |r| <= ln(2)/2; relative error 2^-25.8
NPFUSE_FORMULA float exp_tail(float r) {
    return polynomial(r,  //
                      0x1.fffffep-2f,
                      0x1.5554bp-3f,
                      0x1.555674p-5f,
                      0x1.122776p-7f,
                      0x1.6bec46p-10f);
}

// log((2 + w) / (2 - w)) = w + w * z * log_tail(z), z = w^2 <= 0.118; relative error 2^-30.1
NPFUSE_FORMULA float log_tail(float z) {
    return polynomial(z,  //
                      0x1.55557ap-4f,
                      0x1.995eb8p-7f,
                      0x1.31e32ep-9f);
}

// P(X < -a) = exp(-a^2/2) * (1 + (u + 1/2) * normal_tail_shape(u)) / (2 * a + 2), u + 1/2 = a / (a + 5), 0 <= a <= 14.7; relative error 2^-28.5
NPFUSE_FORMULA float normal_tail_shape(float u) {
    return polynomial(u,  //
                      -0x1.3b4328p-3f,
                      -0x1.b2bbe6p-2f,
                      0x1.5877c2p0f,
                      -0x1.2f7f78p1f,
                      0x1.86b3a6p1f,
                      -0x1.7b6ac8p1f,
                      0x1.062f5ap1f,
                      -0x1.7fac74p-1f,
                      -0x1.039808p-2f,
                      0x1.a8fd58p-2f);
}

// erf(x) = x + x * erf_near_zero(z), z = x^2 <= 0.25; relative error 2^-28.4
NPFUSE_FORMULA float erf_near_zero(float z) {
    return polynomial(z,  //
                      0x1.06eba8p-3f,
                      -0x1.812732p-2f,
                      0x1.ce24f8p-4f,
                      -0x1.b663c8p-6f,
                      0x1.3532d8p-8f);
}

template <>
struct Constants<double> {
    static constexpr double log2_e = 0x1.71547652b82fep0;
    static constexpr double ln2_hi = 0x1.62e42fefa39efp-1;
    static constexpr double ln2_lo = 0x1.abc9e3b39803fp-56;
    static constexpr double normal_tail_centre = 0x1.8p2;
    static constexpr double normal_tail_end = 0x1.359999999999ap5;
    static constexpr double inverse_sqrt_2pi = 0x1.9884533d43651p-2;
    static constexpr double sqrt_2 = 0x1.6a09e667f3bcdp0;
    static constexpr double sqrt_2_lo = -0x1.bdd3413b26456p-54;
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
};

// exp(r) = 1 + r + r^2 * exp_tail(r), |r| <= ln(2)/2; relative error 2^-54.7
NPFUSE_FORMULA double exp_tail(double r) {
    return polynomial(r,  //
                      0x1.0000000000005p-1,
                      0x1.5555555555539p-3,
                      0x1.55555555522b7p-5,
                      0x1.1111111118f9ep-7,
                      0x1.6c16c17edbceep-10,
                      0x1.a01a017518d3cp-13,
                      0x1.a019a76ee7551p-16,
                      0x1.71de87fe24df7p-19,
                      0x1.28a1e04d4fdb2p-22,
                      0x1.ae6bb59039a45p-26);
}

// log((2 + w) / (2 - w)) = w + w * z * log_tail(z), z = w^2 <= 0.118; relative error 2^-58.9
NPFUSE_FORMULA double log_tail(double z) {
    return polynomial(z,  //
                      0x1.5555555555592p-4,
                      0x1.999999997fd76p-7,
                      0x1.24924941f50e5p-9,
                      0x1.c71c5205fe219p-12,
                      0x1.74663fa26399dp-14,
                      0x1.39a1a725edec5p-16,
                      0x1.2f06307ec838ap-18);
}

// P(X < -a) = exp(-a^2/2) * (1 + (u + 1/2) * normal_tail_shape(u)) / (2 * a + 2), u + 1/2 = a / (a + 6), 0 <= a <= 38.7; relative error 2^-55.5
NPFUSE_FORMULA double normal_tail_shape(double u) {
    return polynomial(u,  //
                      -0x1.7d4b85144ccd2p-3,
                      -0x1.3b3b96b9952fap-2,
                      0x1.40af1944d6195p0,
                      -0x1.5298ed57e4ea9p1,
                      0x1.107b51c719519p2,
                      -0x1.67e2cd28bbb0ep2,
                      0x1.8beafaddf8c0bp2,
                      -0x1.65c33593b42ecp2,
                      0x1.f9b49b3308cc3p1,
                      -0x1.e3b169383bf4bp0,
                      0x1.c16ed2b262d17p-3,
                      0x1.1475a2e02b3c9p-1,
                      -0x1.d7bf51d813c6ep-2,
                      0x1.d9c0cdb36b585p-5,
                      0x1.6364fe54350e3p-3,
                      -0x1.cfc1bd4bf1f6p-4,
                      -0x1.24a58f3c9bffbp-5,
                      0x1.2299c62c41b18p-4,
                      -0x1.68a11e5fa6526p-9,
                      -0x1.22013e9f73686p-5,
                      0x1.5269d34e96e25p-8,
                      0x1.9bbc862badc8cp-7);
}

// erf(x) = x + x * erf_near_zero(z), z = x^2 <= 0.25; relative error 2^-55.7
NPFUSE_FORMULA double erf_near_zero(double z) {
    return polynomial(z,  //
                      0x1.06eba8214db69p-3,
                      -0x1.812746b0379e6p-2,
                      0x1.ce2f21a042b25p-4,
                      -0x1.b82ce3127f4e7p-6,
                      0x1.565bcd0a9a4dp-8,
                      -0x1.c02db238f8032p-11,
                      0x1.f9a2a57b48a62p-14,
                      -0x1.f4bb82d28114p-17,
                      0x1.b7745c941ee6bp-20,
                      -0x1.39edcce50015ep-23);
}

NPFUSE_FORMULAS_END
