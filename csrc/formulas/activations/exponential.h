// The identity for x > 0, an exponential that levels off for x <= 0. The derivative at 0 is that of the left side.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

// -|x|, at least `least`; for NaN, something finite.
template <class T>
NPFUSE_FORMULA Pair<T> exponent_from(T least, T x) {
    return {-bounded_absolute(x, -least), T(0)};
}
template <class T>
NPFUSE_FORMULA Pair<T> exponent(T x) {
    return exponent_from(least_exponent<T>, x);
}

// -|x| / divisor likewise, for divisor > 0 and finite x. A quotient so small that it does not change 1 may be a
// larger one: of subnormal numbers it would take long.
template <class T>
NPFUSE_FORMULA Pair<T> exponent(T x, T divisor) {
    constexpr T bound = T(0.999999) * -least_exponent<T>;
    T least = times(divisor, T(0x1p-64)), most = clamp_max(times(divisor, bound), Format<T>::largest);
    T numerator = -bounded(absolute_clamp_min(x, least), most);
    T hi = numerator / divisor;
    return {hi, fma(-hi, divisor, numerator) / divisor};
}

// alpha * (exp(x) - 1), <= 1 ULP.
template <class T>
NPFUSE_FORMULA T scaled_expm1(Pair<T> alpha, Pair<T> x) {
    Pair<T> y = expm1_pair(x);
    return fma(alpha.hi, y.hi, fma(alpha.hi, y.lo, times(alpha.lo, y.hi)));
}

// alpha * exp(x), <= 1 ULP.
template <class T>
NPFUSE_FORMULA T scaled_exp(Pair<T> alpha, Pair<T> x) {
    Parts<T> e = exp_parts(x);
    return times_power_of_two(fma(alpha.hi, e.hi, fma(alpha.hi, e.lo, times(alpha.lo, e.hi))), e.k);
}

struct Elu {
    static constexpr const char* name = "elu";
    static constexpr Parameter parameters[] = {{"alpha", 1.0, "Minus the limit at -inf."}};
    static constexpr Description description = {
        .summary = "Exponential linear unit.",
        .formula = "x where x > 0, else alpha * expm1(x)",
        .derivative = "1 where x > 0, else alpha * exp(x)",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes = "The derivative at 0 is alpha, as in PyTorch.",
        .source =
            "Clevert, Unterthiner and Hochreiter (2015), Fast and accurate deep network learning by "
            "exponential linear units.",
        .example = ">>> nf.elu(np.array([-np.inf, 0.0, 2.0]))\narray([-1.,  0.,  2.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T alpha) {
        T below = scaled_expm1<T>({alpha, T(0)}, exponent(x));
        return x < T(0) ? below : x;
    }

    template <class T>
    NPFUSE_FORMULA static bool suits_plain(T alpha) {
        return absolute(alpha) <= T(1);
    }

    template <class T>
    NPFUSE_FORMULA static T plain_backward(T dy, T x, T alpha) {
        T slope = scaled_exp<T>({alpha, T(0)}, exponent(x));
        T dx = x > T(0) ? dy : times(dy, slope);
        return unless_nan(x, dx);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T alpha) {
        T dx = x > T(0) ? dy : times(dy, slope(x, alpha));
        return unless_nan(x, dx);
    }

    // alpha * exp(-|x|). A large alpha may bring back what has underflowed twice over, and must not overflow together
    // with exp's mantissa: its exponent is lowered, and the power of two raised as much.
    template <class T>
    NPFUSE_FORMULA static T slope(T x, T alpha) {
        using L = ExpScale<T>;
        bool large = absolute(alpha) > T(1);
        T least = large ? T(sizeof(T) == 4 ? -195 : -1460) : least_exponent<T>;
        Parts<T> e = exp_parts(exponent_from(least, x));
        T factor = times(alpha, large ? L::down : T(1));
        return times_power_of_two(fma(factor, e.hi, times(factor, e.lo)), e.k + (large ? L::bits : T(0)));
    }
};

struct Selu {
    static constexpr const char* name = "selu";
    static constexpr Description description = {
        .summary = "Scaled exponential linear unit.",
        .formula = "scale * (x where x > 0, else alpha * expm1(x)), scale = 1.0507..., alpha = 1.6733...",
        .derivative = "scale * (1 where x > 0, else alpha * exp(x))",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes =
            "The constants keep mean 0 and variance 1 from layer to layer; here they are exact to twice the "
            "precision of the result.",
        .source = "Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-normalizing neural networks.",
        .example = ">>> nf.selu(np.array([0.0, 1.0]))\narray([0.        , 1.05070099])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        using C = Constants<T>;
        T below = scaled_expm1<T>({C::selu_scale_alpha, C::selu_scale_alpha_lo}, exponent(x));
        T above = fma(C::selu_scale, x, times(C::selu_scale_lo, finite(x)));
        T y = x < T(0) ? below : above;
        return x == T(0) ? x : y;
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        using C = Constants<T>;
        T slope = scaled_exp<T>({C::selu_scale_alpha, C::selu_scale_alpha_lo}, exponent(x));
        return unless_nan(x, times(dy, x > T(0) ? C::selu_scale : slope));
    }
};

struct Celu {
    static constexpr const char* name = "celu";
    static constexpr Parameter parameters[] = {
        {"alpha", 1.0, "Minus the limit at -inf; more than 0.", Domain::positive}};
    static constexpr Description description = {
        .summary = "Continuously differentiable exponential linear unit.",
        .formula = "x where x > 0, else alpha * expm1(x / alpha)",
        .derivative = "1 where x > 0, else exp(x / alpha)",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes = "Exact for any alpha: the quotient x / alpha is never rounded. With alpha 1 it is elu.",
        .source = "Barron (2017), Continuously differentiable exponential linear units.",
        .example = ">>> nf.celu(np.array([-np.inf, 0.0, 2.0]), alpha=0.5)\narray([-0.5,  0. ,  2. ])",
    };

    // Whether finite numbers reach the limit that -infinity has.
    template <class T>
    NPFUSE_FORMULA static bool suits_plain(T alpha) {
        return alpha < T(1e-3) * Format<T>::largest;
    }

    template <class T>
    NPFUSE_FORMULA static T plain_forward(T x, T alpha) {
        Pair<T> z = exponent(x, alpha);
        T below = scaled_expm1<T>({alpha, T(0)}, z);
        // Where the square of z does not count the result is x.
        return x < T(0) && z.hi < T(-0x1p-60) ? below : x;
    }

    template <class T>
    NPFUSE_FORMULA static T plain_backward(T dy, T x, T alpha) {
        T slope = scaled_exp<T>({T(1), T(0)}, exponent(x, alpha));
        T dx = x > T(0) ? dy : times(dy, slope);
        return unless_nan(x, dx);
    }

    template <class T>
    NPFUSE_FORMULA static T forward(T x, T alpha) {
        T y = plain_forward(x, alpha);
        return x == -Format<T>::infinity ? -alpha : y;
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x, T alpha) {
        T dx = plain_backward(dy, x, alpha);
        return x == -Format<T>::infinity ? times(dy, T(0)) : dx;
    }
};

NPFUSE_FORMULAS_END
