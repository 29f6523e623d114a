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
    static constexpr float normal_tail_centre = 0x1.2p2f;
    static constexpr float normal_tail_end = 0x1.d66666p3f;
    static constexpr float inverse_sqrt_2pi = 0x1.988454p-2f;
    static constexpr float sqrt_2 = 0x1.6a09e6p0f;
    static constexpr float sqrt_half = 0x1.6a09e6p-1f;
};

// exp(r) = 1 + r + r^2 * exp_tail(r), |r| <= ln(2)/2; relative error 2^-28.0
NPFUSE_FORMULA float exp_tail(float r) {
    return polynomial(r,  //
                      0x1.fffffcp-2f,
                      0x1.555492p-3f,
                      0x1.5558f2p-5f,
                      0x1.1239e4p-7f,
                      0x1.6a2422p-10f);
}

// log((2 + w) / (2 - w)) = w + w * z * log_tail(z), z = w^2 <= 0.118; relative error 2^-30.1
NPFUSE_FORMULA float log_tail(float z) {
    return polynomial(z,  //
                      0x1.55557ap-4f,
                      0x1.995eb8p-7f,
                      0x1.31e32ep-9f);
}

// P(X < -a) = exp(-a^2/2) * (1 + normal_tail(u)) / (2 * (a + 1.25)), u = (a - 4.5) / (a + 4.5), 0 <= a <= 14.7; relative error 2^-26.1
NPFUSE_FORMULA float normal_tail(float u) {
    return polynomial(u,  //
                      -0x1.95af16p-6f,
                      -0x1.114a58p-2f,
                      0x1.ba9af2p-4f,
                      -0x1.0b0d34p-10f,
                      -0x1.4bb042p-5f,
                      0x1.304fa2p-5f,
                      -0x1.39a6f2p-6f,
                      0x1.5bbf06p-8f,
                      0x1.23000ap-12f,
                      -0x1.3ef00cp-11f);
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
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
};

// exp(r) = 1 + r + r^2 * exp_tail(r), |r| <= ln(2)/2; relative error 2^-56.4
NPFUSE_FORMULA double exp_tail(double r) {
    return polynomial(r,  //
                      0x1.000000000000ap-1,
                      0x1.55555555554fap-3,
                      0x1.555555555087ep-5,
                      0x1.1111111127cp-7,
                      0x1.6c16c18429e54p-10,
                      0x1.a01a012a4fadfp-13,
                      0x1.a0199a0cbf682p-16,
                      0x1.71df25626b8c6p-19,
                      0x1.28ad729246084p-22,
                      0x1.ad7f579140f35p-26);
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

// P(X < -a) = exp(-a^2/2) * (1 + normal_tail(u)) / (2 * (a + 1.25)), u = (a - 6) / (a + 6), 0 <= a <= 38.7; relative error 2^-55.5
NPFUSE_FORMULA double normal_tail(double u) {
    return polynomial(u,  //
                      -0x1.f1410160e83b2p-5,
                      -0x1.da6ad6bba10bap-3,
                      0x1.0f7065351245cp-3,
                      -0x1.97240570c0218p-5,
                      -0x1.fb7095fa0c9f1p-9,
                      0x1.c524a6d1ce94fp-6,
                      -0x1.ec29325f7fa21p-6,
                      0x1.699a6e07b3598p-6,
                      -0x1.96ac494a1c3f5p-7,
                      0x1.5f92ccfe4cc44p-8,
                      -0x1.aff62ca25c6ap-10,
                      0x1.0113598779be9p-12,
                      0x1.1208cab971d4ep-14,
                      -0x1.a320c2bff0302p-15,
                      0x1.30216bd4737ddp-17,
                      0x1.aec840fd10fd6p-19,
                      -0x1.04cb8628929c4p-19,
                      0x1.fbce7a6901e3fp-26,
                      0x1.0fa7cbbb83826p-22,
                      -0x1.65d9940dfc3b6p-25,
                      -0x1.ff3d251ebd786p-26,
                      0x1.8cb7a6c5b6821p-28,
                      0x1.968eab3bc9b92p-29);
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
