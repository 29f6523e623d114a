// Functions that pull towards zero, and softsign.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct HardShrink {
    static constexpr const char* name = "hard_shrink";
    static constexpr bool is_cheap = true;
    static constexpr Parameter parameters[] = {{"lambd", 0.5, "What abs(x) must exceed to be kept.", Domain::extended}};
    static constexpr Description description = {
        .summary = "Hard shrinkage: small numbers become zero.",
        .formula = "x where abs(x) > lambd, else 0",
        .derivative = "1 where abs(x) > lambd, else 0",
        .accuracy = "exact",
        .notes = "As in PyTorch, which also names the parameter so.",
        .source = "Donoho and Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage.",
        .example = ">>> nf.hard_shrink(np.array([-2.0, 0.25, 1.0]))\narray([-2.,  0.,  1.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T lambd) {
        return absolute(x) <= lambd ? T(0) : x;
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T lambd) {
        T dx = absolute(x) > lambd ? dy : T(0);
        return x != x ? x : dx;
    }
};

struct SoftShrink {
    static constexpr const char* name = "soft_shrink";
    static constexpr bool is_cheap = true;
    static constexpr Parameter parameters[] = {
        {"lambd", 0.5, "By how much numbers shrink; at least 0.", Domain::non_negative}};
    static constexpr Description description = {
        .summary = "Soft shrinkage: every number moves towards zero and stops there.",
        .formula = "x - lambd where x > lambd, x + lambd where x < -lambd, else 0",
        .derivative = "1 where abs(x) > lambd, else 0",
        .accuracy = "correctly rounded",
        .notes = "The proximal operator of lambd * abs(x).",
        .source = "Donoho (1995), De-noising by soft-thresholding.",
        .example = ">>> nf.soft_shrink(np.array([-2.0, 0.25, 1.0]))\narray([-1.5,  0. ,  0.5])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T lambd) {
        return absolute(x) <= lambd ? T(0) : x - with_sign(lambd, x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T lambd) {
        return HardShrink::backward(dy, x, lambd);
    }
};

struct Softsign {
    static constexpr const char* name = "softsign";
    static constexpr bool is_cheap = true;
    static constexpr Description description = {
        .summary = "Softsign.",
        .formula = "x / (1 + abs(x))",
        .derivative = "1 / (1 + abs(x))**2",
        .accuracy = "1 ULP, backward 2 ULP",
        .notes = "softsign(inf) is 1, its limit.",
        .source = "Bergstra et al. (2009), Quadratic polynomials learn better image features.",
        .example = ">>> nf.softsign(np.array([-np.inf, 0.0, 1.0]))\narray([-1. ,  0. ,  0.5])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        T a = clamp_max(absolute(x), T(0x1p60));  // there, and beyond, it is 1
        Pair<T> bottom = two_sum(T(1), a);
        T inverse = T(1) / bottom.hi;
        T quotient = times(a, inverse);
        T rest = fma(-quotient, bottom.lo, fma(-quotient, bottom.hi, a));
        return with_sign(fma(rest, inverse, quotient), x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        // Beyond the bound the square of the quotient is 0.
        Pair<T> bottom = two_sum(T(1), bounded_absolute(x, T(sizeof(T) == 4 ? 0x1p80 : 0x1p600)));
        T quotient = T(1) / bottom.hi;
        T rest = fma(-quotient, bottom.hi, T(1)) - times(quotient, bottom.lo);
        Pair<T> square = two_product(quotient, quotient);
        return times(dy, unless_nan(x, square.hi + fma(T(2) * square.hi, rest, square.lo)));
    }
};

NPFUSE_FORMULAS_END
