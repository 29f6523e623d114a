// tanh, and what it leaves of x.
#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

struct Tanh {
    static constexpr const char* name = "tanh";
    static constexpr Description description = {
        .summary = "Hyperbolic tangent.",
        .formula = "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        .derivative = "1 - tanh(x)**2",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes =
            "The derivative is taken at x, not from the output: it keeps its digits where tanh(x) has rounded "
            "to 1.",
        .source = "LeCun, Bottou, Orr and Mueller (1998), Efficient BackProp.",
        .example = ">>> nf.tanh(np.array([-1000.0, 0.0, 1000.0]))\narray([-1.,  0.,  1.])",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return tanh(x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        return dy * logistic_density(T(2) * x, T(4));
    }
};

struct TanhShrink {
    static constexpr const char* name = "tanh_shrink";
    static constexpr Description description = {
        .summary = "What tanh takes away.",
        .formula = "x - tanh(x)",
        .derivative = "tanh(x)**2",
        .accuracy = "1 ULP, backward 2 ULP; subnormal results within one step",
        .notes = "Near 0 it is x**3 / 3 and keeps its digits, which the difference loses.",
        .source = "PyTorch, torch.nn.Tanhshrink.",
        .example = ">>> f\"{nf.tanh_shrink(1e-3):.6e}\"\n'3.333332e-10'",
    };

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        using C = Constants<T>;
        T magnitude = absolute(x);
        Pair<T> z = two_product(magnitude, magnitude);
        // x^3 * (1/3 - z * (2/15 - z * tail))
        T tail = -tanh_shrink_tail(z.hi);
        T inner = fma(z.hi, tail, C::two_fifteenths);
        T inner_lo = fma(z.hi, tail, C::two_fifteenths - inner) + C::two_fifteenths_lo;
        T product = z.hi * inner;
        T product_lo = fma(z.hi, inner_lo, fma(z.hi, inner, -product));
        Pair<T> factor = fast_two_sum(C::third, -product);
        factor.lo += C::third_lo - product_lo;
        T cube = z.hi * factor.hi;
        T cube_lo = fma(z.hi, factor.lo, fma(z.lo, factor.hi, fma(z.hi, factor.hi, -cube)));
        T near = fma(magnitude, cube, magnitude * cube_lo);

        Pair<T> tanh = unevaluated(tanh_ratio(x));
        Pair<T> rest = fast_two_sum(magnitude, -tanh.hi);
        T far = rest.hi + (rest.lo - tanh.lo);
        far = magnitude < Format<T>::infinity ? far : magnitude;
        return unless_nan(x, with_sign(magnitude < T(1) ? near : far, x));
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        Pair<T> ratio = unevaluated(tanh_ratio(x));
        Pair<T> tanh = fast_two_sum(ratio.hi, ratio.lo);
        return dy * unless_nan(x, fma(tanh.hi, tanh.hi, T(2) * tanh.hi * tanh.lo));
    }
};

NPFUSE_FORMULAS_END
