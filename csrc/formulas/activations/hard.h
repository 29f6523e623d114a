// Piecewise linear approximations of the smooth functions they are named after.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct HardSigmoid {
    static constexpr const char* name = "hard_sigmoid";
    static constexpr bool is_cheap = true;
    static constexpr Parameter parameters[] = {{"alpha", 1.0 / 6.0, "Slope of the middle piece."},
                                               {"beta", 0.5, "Value at 0."}};
    static constexpr Description description = {
        .summary = "Piecewise linear sigmoid.",
        .formula = "min(max(alpha * x + beta, 0), 1)",
        .derivative = "alpha where 0 < alpha * x + beta < 1, else 0",
        .accuracy = "correctly rounded, the parameters being those of the computing type",
        .notes = "The defaults are PyTorch's; ONNX has alpha = 0.2.",
        .source = "Howard et al. (2019), Searching for MobileNetV3; ONNX, HardSigmoid.",
        .example = ">>> nf.hard_sigmoid(np.array([-4.0, 0.0, 4.0]))\narray([0. , 0.5, 1. ])",
    };

    template <class T>
    NPFUSE_FORMULA static bool suits_plain(T alpha, T) {
        return alpha != T(0);
    }

    template <class T>
    NPFUSE_FORMULA static T plain_forward(T x, T alpha, T beta) {
        return clamp_max(clamp_min(fma(alpha, x, beta), T(0)), T(1));
    }

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T alpha, T beta) {
        // Of slope 0 the limit at infinity is beta, not NaN.
        T most = alpha == T(0) ? Format<T>::largest : Format<T>::infinity;
        return plain_forward(clipped(x, most), alpha, beta);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T alpha, T beta) {
        // By the signs of the line's heights over 0 and 1, which rounding keeps.
        T dx = (fma(alpha, x, beta) > T(0)) & (fma(alpha, x, beta - T(1)) < T(0)) ? times(alpha, dy) : T(0);
        return x != x ? x : dx;
    }
};

struct HardSwish {
    static constexpr const char* name = "hard_swish";
    static constexpr bool is_cheap = true;
    static constexpr Description description = {
        .summary = "Piecewise quadratic swish.",
        .formula = "x * min(max(x + 3, 0), 6) / 6",
        .derivative = "0 where x <= -3, 1 where x >= 3, else (2 * x + 3) / 6",
        .accuracy = "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero at x = -1.5",
        .notes = "hard_swish(-inf) is -0, its limit.",
        .source = "Howard et al. (2019), Searching for MobileNetV3.",
        .example = ">>> nf.hard_swish(np.array([-4.0, 1.5, 4.0]))\narray([-0.   ,  1.125,  4.   ])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        // x / 6 of the height, which is formed exactly; what the quotient lacks is made up for. Where the height is 6
        // the quotient is 1 and lacks nothing.
        constexpr T sixth = T(1) / T(6);
        T above = clamp_min(x, T(-3)), within = clamp_max(above, T(3));
        Pair<T> height = fast_two_sum(T(3), within);
        T slope = times(height.hi, sixth);
        T rest = fma(T(-6), slope, height.hi) + height.lo;
        return fma(above, slope, times(within, times(rest, sixth)));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        T slope = fma(T(2), x, T(3)) * (T(1) / T(6));
        T dx = x <= T(-3) ? T(0) : times(dy, slope);
        dx = x >= T(3) ? dy : dx;
        return x != x ? x : dx;
    }
};

struct HardTanh {
    static constexpr const char* name = "hard_tanh";
    static constexpr bool is_cheap = true;
    static constexpr Parameter parameters[] = {{"min", -1.0, "Smallest result.", Domain::extended},
                                               {"max", 1.0, "Largest result.", Domain::extended}};
    static constexpr Description description = {
        .summary = "Identity between two bounds.",
        .formula = "min(max(x, min), max)",
        .derivative = "1 where min < x < max, else 0",
        .accuracy = "exact",
        .notes = "The derivative at the bounds is 0, as in PyTorch.",
        .source = "Collobert (2004), Large scale machine learning.",
        .example = ">>> nf.hard_tanh(np.array([-4.0, 0.5, 4.0]))\narray([-1. ,  0.5,  1. ])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T min, T max) {
        return clamp_max(clamp_min(x, min), max);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T min, T max) {
        T dx = (x > min) & (x < max) ? dy : T(0);
        return x != x ? x : dx;
    }
};

NPFUSE_FORMULAS_END
