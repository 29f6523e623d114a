#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Mish {
    static constexpr const char* name = "mish";
    static constexpr Description description = {
        .summary = "Mish, a self-gated unit.",
        .formula = "x * tanh(softplus(x))",
        .derivative = "tanh(softplus(x)) + x * sigmoid(x) * sech(softplus(x))**2",
        .accuracy =
            "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero near "
            "x = -1.19; subnormal results within one step",
        .notes = "mish(-inf) is -0, its limit.",
        .source = "Misra (2019), Mish: a self regularized non-monotonic activation function.",
        .example = ">>> nf.mish(np.array([-np.inf, 0.0, 1000.0]))\narray([  -0.,    0., 1000.])",
    };

    static constexpr int max_forward_interleaved = 3;  // beyond, registers do not suffice

    // With t = exp(-|x|), tanh(softplus(x)) is t * (2 + t) / (2 + t * (2 + t)) for x < 0
    // and (1 + 2 * t) / (1 + 2 * t * (1 + t)) for x >= 0.
    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        using L = ExpScale<T>;
        bool negative = x < T(0);
        Scaled<T> e = exp_minus_absolute(x);
        T scale = times(e.scale, L::down);
        T t = times(e.hi, scale), t_lo = times(e.lo, scale);

        T step = negative ? t : t + t, step_lo = negative ? t_lo : t_lo + t_lo;
        Pair<T> sum = two_sum(negative ? T(2) : T(1), step);
        sum.lo += step_lo;
        // The denominator: 2 + t * (2 + t), or 1 + 2 * t + 2 * t * t.
        T base = negative ? T(2) : sum.hi, base_lo = negative ? T(0) : sum.lo;
        T factor = negative ? sum.hi : step, factor_lo = negative ? sum.lo : step_lo;
        T hi = fma(t, factor, base);
        T lo = fma(t, factor, base - hi) + fma(t, factor_lo, fma(t_lo, factor, base_lo));
        // The numerator, for x < 0 without the power of two in t.
        T other = negative ? e.hi : T(1), other_lo = negative ? e.lo : T(0);
        T top = sum.hi * other;
        T top_lo = fma(sum.hi, other, -top) + fma(sum.hi, other_lo, times(sum.lo, other));

        Pair<T> y = unevaluated(ratio<T>({top, top_lo}, {hi, lo}));
        T bounded = negative ? -bounded_absolute(x, -L::lowest) : finite(x);
        T product = fma(bounded, y.hi, times(bounded, y.lo));
        T result = negative ? times(times(product, e.scale), L::down) : product;
        return unless_nan(x, x == T(0) ? x : unless_infinite(x, result));
    }

    // The derivative is t * (4 (1 + x) + t (6 + 4 x) + 4 t^2 + t^3) / (2 + 2 t + t^2)^2 for x < 0
    // and (1 + 4 t + (6 + 4 x) t^2 + 4 (1 + x) t^3) / (1 + 2 t + 2 t^2)^2 for x >= 0.
    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        using L = ExpScale<T>;
        bool negative = x < T(0);
        Scaled<T> e = exp_minus_absolute(x);
        T scale = times(e.scale, L::down);
        T t = times(e.hi, scale), t_lo = times(e.lo, scale);
        T magnitude = bounded_absolute(x, -L::lowest);
        T bounded = negative ? -magnitude : magnitude;

        Pair<T> linear = two_sum(T(4), times(T(4), bounded));
        Pair<T> quadratic = two_sum(T(6), times(T(4), bounded));
        // a + b t + c t^2 + d t^3
        T a = negative ? linear.hi : T(1), b = negative ? quadratic.hi : T(4);
        T c = negative ? T(4) : quadratic.hi, d = negative ? T(1) : linear.hi;
        T a_lo = negative ? linear.lo : T(0), b_lo = negative ? quadratic.lo : T(0);
        T inner = fma(t, fma(t, d, c), b);
        T inner_lo = fma(t, fma(t, d, c), b - inner) + b_lo;
        T top = fma(t, inner, a);
        T slope = fma(t, fma(t, T(3) * d, c + c), b);
        T top_lo = fma(t, inner, a - top) + fma(t, inner_lo, fma(t_lo, slope, a_lo));
        // The denominator's root
        T base = negative ? T(2) : T(1), square = negative ? T(1) : T(2);
        T term = fma(t, square, T(2));
        T root = fma(t, term, base);
        T term_lo = fma(t, square, T(2) - term);
        T root_lo = fma(t, term, base - root) + fma(t, term_lo, times(t_lo, fma(t, square + square, T(2))));

        T other = negative ? e.hi : T(1), other_lo = negative ? e.lo : T(0);
        T numerator = top * other;
        T numerator_lo = fma(top, other, -numerator) + fma(top, other_lo, times(top_lo, other));
        Pair<T> once = unevaluated(ratio<T>({numerator, numerator_lo}, {root, root_lo}));
        T slope_of_mish = rounded(ratio<T>(once, {root, root_lo}));
        return times(dy, unless_nan(x, negative ? times(slope_of_mish * e.scale, L::down) : slope_of_mish));
    }
};

NPFUSE_FORMULAS_END
