// gelu and the approximations of it that models were trained with.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Gelu {
    static constexpr const char* name = "gelu";
    static constexpr Description description = {
        .summary = "Gaussian error linear unit, in its exact form.",
        .formula = "x * (1 + erf(x / sqrt(2))) / 2",
        .derivative = "(1 + erf(x / sqrt(2))) / 2 + x * exp(-x**2 / 2) / sqrt(2 * pi)",
        .accuracy =
            "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero near "
            "x = -0.75; subnormal results within one step",
        .notes = "gelu(-inf) is -0, its limit. gelu_tanh is the approximation that some models were trained with.",
        .source = "Hendrycks and Gimpel (2016), Gaussian error linear units.",
        .example = ">>> nf.gelu(np.array([-np.inf, 0.0, 1000.0]))\narray([  -0.,    0., 1000.])",
    };

    static constexpr int max_forward_interleaved = 3;  // beyond, registers do not suffice

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        // |x| * P(X < -|x|)
        T a = bounded_absolute(x, Constants<T>::normal_tail_end);
        NormalTail<T> tail = normal_tail(a);
        T factor = times(a, tail.density.scale);
        T product = times(factor, tail.numerator.hi);
        T product_lo = fma(factor, tail.numerator.lo, fma(factor, tail.numerator.hi, -product));
        return weighted_by_complement(x, ratio<T>({product, product_lo}, tail.denominator));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        // At -|x| it is P(X < -|x|) - |x| * density, and the derivatives at x and -x add up to 1.
        T a = bounded_absolute(x, Constants<T>::normal_tail_end);
        NormalTail<T> tail = normal_tail(a);
        Pair<T> q = unevaluated(ratio(tail.numerator, tail.denominator));
        constexpr T density = Constants<T>::inverse_sqrt_2pi * ExpScale<T>::down;
        T slope = times(-a, density);
        T slope_lo = fma(-a, density, -slope);
        T below = fma(slope, tail.density.hi, q.hi) + fma(slope, tail.density.lo, fma(slope_lo, tail.density.hi, q.lo));
        T scaled = times(below, tail.density.scale);
        return times(dy, unless_nan(x, x < T(0) ? scaled : T(1) - scaled));
    }
};

// 2 * sqrt(2 / pi) * (x + 0.044715 * x^3): (1 + tanh(u)) / 2 is the sigmoid of 2 * u.
template <class T>
struct TanhGate {
    Pair<T> z, growth;  // growth is x * dz/dx
};

template <class T>
NPFUSE_FORMULA TanhGate<T> gelu_tanh_gate(T x) {
    using C = Constants<T>;
    Pair<T> square = two_product(x, x);
    // linear + cubic * x^2
    T cubic = times(C::gelu_tanh_cubic, square.hi);
    T cubic_lo = fma(C::gelu_tanh_cubic, square.hi, -cubic) +
                 fma(C::gelu_tanh_cubic, square.lo, times(C::gelu_tanh_cubic_lo, square.hi));
    Pair<T> slope = two_sum(C::gelu_tanh_linear, cubic);
    T slope_lo = slope.lo + (C::gelu_tanh_linear_lo + cubic_lo);
    T z = times(x, slope.hi);
    T z_lo = fma(x, slope_lo, fma(x, slope.hi, -z));
    // x * dz/dx is z + 2 * cubic * x^3
    T twice = times(T(2) * x, cubic);
    T twice_lo = fma(T(2) * x, cubic_lo, fma(T(2) * x, cubic, -twice));
    Pair<T> growth = two_sum(z, twice);
    T growth_lo = growth.lo + (z_lo + twice_lo);
    return {{z, z_lo}, {growth.hi, growth_lo}};
}

struct GeluTanh {
    static constexpr const char* name = "gelu_tanh";
    static constexpr Description description = {
        .summary = "Gaussian error linear unit, approximated with tanh.",
        .formula = "x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2",
        .derivative = "that of the formula",
        .accuracy =
            "1 ULP of the formula, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses "
            "zero near x = -0.75; subnormal results within one step",
        .notes =
            "For models trained with it, GPT-2 among them; it differs from gelu by up to 5e-4. PyTorch and Keras "
            "reach it by gelu(approximate).",
        .source = "Hendrycks and Gimpel (2016), Gaussian error linear units.",
        .example = ">>> nf.gelu_tanh(np.array([-np.inf, 0.0, 1000.0]))\narray([  -0.,    0., 1000.])",
    };

    // The gate's argument is about -ExpScale::lowest there.
    template <class T>
    NPFUSE_FORMULA static T saturation() {
        return T(sizeof(T) == 4 ? 11.68 : 24.3105);
    }

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        T distance = bounded_absolute(x, saturation<T>());
        Pair<T> z = gelu_tanh_gate(distance).z;
        return sigmoid_weighted(x, distance, exp_scaled_up_precisely<T>({-z.hi, -z.lo}, ExpScale<T>::bits));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        TanhGate<T> gate = gelu_tanh_gate(bounded_absolute(x, saturation<T>()));
        return times(dy, unless_nan(x, gate_slope(x < T(0), gate.z, gate.growth)));
    }
};

struct QuickGelu {
    static constexpr const char* name = "quick_gelu";
    static constexpr Description description = {
        .summary = "Gaussian error linear unit, approximated with a sigmoid.",
        .formula = "x * sigmoid(1.702 * x)",
        .derivative = "sigmoid(1.702 * x) * (1 + 1.702 * x * sigmoid(-1.702 * x))",
        .accuracy =
            "1 ULP, backward 2 ULP, or 2**-24 (float64 2**-53) where the derivative crosses zero near "
            "x = -0.75; subnormal results within one step",
        .notes =
            "For models trained with it, CLIP among them; it differs from gelu by up to 0.02. swish with beta "
            "1.702, were that number exact.",
        .source = "Hendrycks and Gimpel (2016), Gaussian error linear units.",
        .example = ">>> nf.quick_gelu(np.array([-np.inf, 0.0, 1000.0]))\narray([  -0.,    0., 1000.])",
    };

    // The gate's argument is about -ExpScale::lowest there.
    template <class T>
    NPFUSE_FORMULA static T saturation() {
        return -ExpScale<T>::lowest / Constants<T>::quick_gelu_beta;
    }

    template <class T>
    NPFUSE_FORMULA static Pair<T> gate(T x) {
        using C = Constants<T>;
        T hi = times(C::quick_gelu_beta, x);
        return {hi, fma(C::quick_gelu_beta_lo, x, fma(C::quick_gelu_beta, x, -hi))};
    }

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        T distance = bounded_absolute(x, saturation<T>());
        Pair<T> z = gate(distance);
        return sigmoid_weighted(x, distance, exp_scaled_up_precisely<T>({-z.hi, -z.lo}, ExpScale<T>::bits));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        Pair<T> z = gate(bounded_absolute(x, saturation<T>()));
        return times(dy, unless_nan(x, gate_slope(x < T(0), z, z)));
    }
};

NPFUSE_FORMULAS_END
