// Written by tools/fit_polynomials.py; do not edit. The minimax polynomials, lowest degree first.
#pragma once

#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
struct Constants;

template <>
struct Constants<float> {
    static constexpr float log2_e = 0x1.715476p0f;
    static constexpr float normal_tail_slope = 0x1.2p1f;
    static constexpr float normal_tail_offset = 0x1.ep0f;
    static constexpr float normal_tail_centre = 0x1.3cp2f;
    static constexpr float normal_tail_end = 0x1.d66666p3f;
    static constexpr float tanh_split = 0x1.4p-1f;
    static constexpr float tanh_shrink_split = 0x1.8p-1f;
    static constexpr float inverse_sqrt_2pi = 0x1.988454p-2f;
    static constexpr float sqrt_half = 0x1.6a09e6p-1f;
    static constexpr float ln2 = 0x1.62e43p-1f;
    static constexpr float ln2_lo = -0x1.05c61p-29f;
    static constexpr float sqrt_2 = 0x1.6a09e6p0f;
    static constexpr float sqrt_2_lo = 0x1.9fcef4p-26f;
    static constexpr float third = 0x1.555556p-2f;
    static constexpr float third_lo = -0x1.555556p-27f;
    static constexpr float gelu_tanh_linear = 0x1.988454p0f;
    static constexpr float gelu_tanh_linear_lo = -0x1.857936p-25f;
    static constexpr float gelu_tanh_cubic = 0x1.2444f2p-4f;
    static constexpr float gelu_tanh_cubic_lo = 0x1.49b16ap-29f;
    static constexpr float quick_gelu_beta = 0x1.b3b646p0f;
    static constexpr float quick_gelu_beta_lo = -0x1.78d4fep-26f;
    static constexpr float selu_scale = 0x1.0cfabep0f;
    static constexpr float selu_scale_lo = -0x1.2adddap-25f;
    static constexpr float selu_scale_alpha = 0x1.c212ccp0f;
    static constexpr float selu_scale_alpha_lo = 0x1.903c0cp-26f;
    static constexpr float normal_tail_middle = 0x1.2b1b54p-3f;
    static constexpr float normal_tail_tilt = -0x1.cde72p-1f;
};

// exp(r) = 1 + r + r^2 * exp_tail(r), |r| <= ln(2)/2; relative error 2^-28.2
NPFUSE_FORMULA float exp_tail(float r) {
    return polynomial(r,  //
                      0x1.fffffcp-2f,
                      0x1.555492p-3f,
                      0x1.5558d2p-5f,
                      0x1.1239ccp-7f,
                      0x1.6a2422p-10f);
}

// exp(r) - 1 = r + r^2 * expm1_tail(r), |r| <= ln(2)/2; relative error 2^-30.3
NPFUSE_FORMULA float expm1_tail(float r) {
    return polynomial(r,  //
                      0x1p-1f,
                      0x1.555554p-3f,
                      0x1.5554dp-5f,
                      0x1.11122ap-7f,
                      0x1.6d71f8p-10f,
                      0x1.a032eap-13f);
}

// log((2 + w) / (2 - w)) = w + w * z * log_tail(z), z = w^2 <= 0.118; relative error 2^-30.2
NPFUSE_FORMULA float log_tail(float z) {
    return polynomial(z,  //
                      0x1.55557ap-4f,
                      0x1.995ec6p-7f,
                      0x1.31e32ep-9f);
}

// P(X < -a) = exp(-a^2/2) * (0.9375 + p * (middle + tilt * u + u^2 * normal_tail_shape(u))) /
// (2.25 * a + 1.875), u = p - 0.5, p = a / (a + 4.9375), 0 <= a <= 14.7; relative error 2^-28.0
NPFUSE_FORMULA float normal_tail_shape(float u) {
    return polynomial(u,  //
                      0x1.ffb3bp0f,
                      -0x1.8ed49ap1f,
                      0x1.dcccccp1f,
                      -0x1.b204a8p1f,
                      0x1.13ef82p1f,
                      -0x1.48257ep-1f,
                      -0x1.988154p-2f,
                      0x1.08f62ap-1f,
                      0x1.29a142p-3f);
}

// erf(x) = x + x * erf_near_zero(z), z = x^2 <= 0.25; relative error 2^-28.9
NPFUSE_FORMULA float erf_near_zero(float z) {
    return polynomial(z,  //
                      0x1.06eba8p-3f,
                      -0x1.812732p-2f,
                      0x1.ce24eep-4f,
                      -0x1.b663c8p-6f,
                      0x1.3532d8p-8f);
}

// tanh(x) = x + x * z * tanh_tail(z), z = x^2 <= 0.625^2; relative error 2^-27.4
NPFUSE_FORMULA float tanh_tail(float z) {
    return polynomial(z,  //
                      -0x1.555532p-2f,
                      0x1.110722p-3f,
                      -0x1.b83c5ap-5f,
                      0x1.52268p-6f,
                      -0x1.75e176p-8f);
}

// x - tanh(x) = x^3 * (1/3 + z * tanh_shrink_tail(z)), z = x^2 <= 0.75^2; relative error 2^-29.4
NPFUSE_FORMULA float tanh_shrink_tail(float z) {
    return polynomial(z,  //
                      -0x1.11111p-3f,
                      0x1.ba1b26p-5f,
                      -0x1.664074p-6f,
                      0x1.218fb4p-7f,
                      -0x1.c89f22p-9f,
                      0x1.3b6482p-10f,
                      -0x1.0caebp-12f);
}

template <>
struct Constants<double> {
    static constexpr double log2_e = 0x1.71547652b82fep0;
    static constexpr double normal_tail_slope = 0x1.2p1;
    static constexpr double normal_tail_offset = 0x1.ep0;
    static constexpr double normal_tail_centre = 0x1.8p2;
    static constexpr double normal_tail_end = 0x1.359999999999ap5;
    static constexpr double tanh_split = 0x1.4p-1;
    static constexpr double tanh_shrink_split = 0x1.8p-1;
    static constexpr double inverse_sqrt_2pi = 0x1.9884533d43651p-2;
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
    static constexpr double ln2 = 0x1.62e42fefa39efp-1;
    static constexpr double ln2_lo = 0x1.abc9e3b39803fp-56;
    static constexpr double sqrt_2 = 0x1.6a09e667f3bcdp0;
    static constexpr double sqrt_2_lo = -0x1.bdd3413b26456p-54;
    static constexpr double third = 0x1.5555555555555p-2;
    static constexpr double third_lo = 0x1.5555555555555p-56;
    static constexpr double gelu_tanh_linear = 0x1.9884533d43651p0;
    static constexpr double gelu_tanh_linear_lo = -0x1.cbc0d30ebfd15p-54;
    static constexpr double gelu_tanh_cubic = 0x1.2444f2a4d8b4bp-4;
    static constexpr double gelu_tanh_cubic_lo = -0x1.6c843a29d1c7p-61;
    static constexpr double quick_gelu_beta = 0x1.b3b645a1cac08p0;
    static constexpr double quick_gelu_beta_lo = 0x1.89374bc6a7efap-55;
    static constexpr double selu_scale = 0x1.0cfabd6a91132p0;
    static constexpr double selu_scale_lo = 0x1.6fc7d272f2695p-55;
    static constexpr double selu_scale_alpha = 0x1.c212cc640f031p0;
    static constexpr double selu_scale_alpha_lo = 0x1.05161b045a1fep-56;
    static constexpr double normal_tail_middle = 0x1.df158dfc8e2b3p-4;
    static constexpr double normal_tail_tilt = -0x1.a0f3ec836e9f1p-1;
};

// exp(r) = 1 + r + r^2 * exp_tail(r), |r| <= ln(2)/2; relative error 2^-57.5
NPFUSE_FORMULA double exp_tail(double r) {
    return polynomial(r,  //
                      0x1.000000000000ap-1,
                      0x1.55555555554fbp-3,
                      0x1.555555555083fp-5,
                      0x1.1111111127b77p-7,
                      0x1.6c16c18429e54p-10,
                      0x1.a01a012a4fadfp-13,
                      0x1.a0199a0cbf682p-16,
                      0x1.71df25626b8c6p-19,
                      0x1.28ad729246084p-22,
                      0x1.ad7f579140f35p-26);
}

// exp(r) - 1 = r + r^2 * expm1_tail(r), |r| <= ln(2)/2; relative error 2^-61.0
NPFUSE_FORMULA double expm1_tail(double r) {
    return polynomial(r,  //
                      0x1p-1,
                      0x1.5555555555559p-3,
                      0x1.555555555554p-5,
                      0x1.111111110f6c9p-7,
                      0x1.6c16c16c1f097p-10,
                      0x1.a01a01afd3de4p-13,
                      0x1.a01a017bbe158p-16,
                      0x1.71ddf87eadf6p-19,
                      0x1.27e5363c2aad5p-22,
                      0x1.af5e7535b01a5p-26,
                      0x1.1ee871a8978bep-29);
}

// log((2 + w) / (2 - w)) = w + w * z * log_tail(z), z = w^2 <= 0.118; relative error 2^-59.4
NPFUSE_FORMULA double log_tail(double z) {
    return polynomial(z,  //
                      0x1.5555555555592p-4,
                      0x1.999999997fd97p-7,
                      0x1.24924941f50e5p-9,
                      0x1.c71c5205fe219p-12,
                      0x1.74663fa26399dp-14,
                      0x1.39a1a725edec5p-16,
                      0x1.2f06307ec838ap-18);
}

// P(X < -a) = exp(-a^2/2) * (0.9375 + p * (middle + tilt * u + u^2 * normal_tail_shape(u))) /
// (2.25 * a + 1.875), u = p - 0.5, p = a / (a + 6), 0 <= a <= 38.7; relative error 2^-57.2
NPFUSE_FORMULA double normal_tail_shape(double u) {
    return polynomial(u,  //
                      0x1.039009575b3ecp1,
                      -0x1.dc5fbf4d4e3fcp1,
                      0x1.665a8d5fbea74p2,
                      -0x1.c6a6c80894f85p2,
                      0x1.e6a317fc6c2a6p2,
                      -0x1.ae96da332ed2bp2,
                      0x1.2aac33f3f1876p2,
                      -0x1.171e0ff1be9b5p1,
                      0x1.bf318c2a60843p-3,
                      0x1.4a7eaa43c93b3p-1,
                      -0x1.100e2609d77cep-1,
                      0x1.d72c0ab2cd1d7p-5,
                      0x1.a2b9e72e0a9bbp-3,
                      -0x1.069571dac9716p-3,
                      -0x1.6971f89737658p-5,
                      0x1.4dd43f504630cp-4,
                      -0x1.a10078bea0b53p-10,
                      -0x1.4dfb128193ad5p-5,
                      0x1.58cc46bc48f52p-8,
                      0x1.d37869432b31cp-7);
}

// erf(x) = x + x * erf_near_zero(z), z = x^2 <= 0.25; relative error 2^-56.3
NPFUSE_FORMULA double erf_near_zero(double z) {
    return polynomial(z,  //
                      0x1.06eba8214db69p-3,
                      -0x1.812746b0379e7p-2,
                      0x1.ce2f21a042b25p-4,
                      -0x1.b82ce3127f4e7p-6,
                      0x1.565bcd0a9a4dp-8,
                      -0x1.c02db238f8032p-11,
                      0x1.f9a2a57b48a62p-14,
                      -0x1.f4bb82d28114p-17,
                      0x1.b7745c941ee6bp-20,
                      -0x1.39edcce50015ep-23);
}

// tanh(x) = x + x * z * tanh_tail(z), z = x^2 <= 0.625^2; relative error 2^-60.3
NPFUSE_FORMULA double tanh_tail(double z) {
    return polynomial(z,  //
                      -0x1.5555555555555p-2,
                      0x1.11111111110dp-3,
                      -0x1.ba1ba1ba17356p-5,
                      0x1.664f488183c9ap-6,
                      -0x1.226e3529dda24p-7,
                      0x1.d6d3c5a954d2fp-9,
                      -0x1.7da29485f750fp-10,
                      0x1.354da4f39df2cp-11,
                      -0x1.f4bd1ade48cf7p-13,
                      0x1.919be83761ba7p-14,
                      -0x1.333c98ec1f373p-15,
                      0x1.8bc23cdf2f2a8p-17,
                      -0x1.30e8891d5203ep-19);
}

// x - tanh(x) = x^3 * (1/3 + z * tanh_shrink_tail(z)), z = x^2 <= 0.75^2; relative error 2^-61.8
NPFUSE_FORMULA double tanh_shrink_tail(double z) {
    return polynomial(z,  //
                      -0x1.1111111111111p-3,
                      0x1.ba1ba1ba1ba03p-5,
                      -0x1.664f4882c04bep-6,
                      0x1.226e355e39dcep-7,
                      -0x1.d6d3d0d1ed76cp-9,
                      0x1.7da362c7c24a9p-10,
                      -0x1.3558093b66e7cp-11,
                      0x1.f57ac65d116edp-13,
                      -0x1.966544e3829b9p-14,
                      0x1.48d42c1be2517p-15,
                      -0x1.07b95893107bdp-16,
                      0x1.97de3685f68f2p-18,
                      -0x1.1a3bfe2ae05acp-19,
                      0x1.2ab2586680b17p-21,
                      -0x1.57824a3dedffap-24);
}

NPFUSE_FORMULAS_END
