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

    static constexpr int max_forward_interleaved = 3;  // beyond, registers do not suffice

    template <class T>
    NPFUSE_FORMULA static T forward(T x) {
        return tanh(x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        return times(dy, logistic_density(T(2) * x, T(4)));
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
        // x * (z * (1/3 + z * tail)), z = x^2
        Pair<T> z = two_product(magnitude, magnitude);
        T tail = tanh_shrink_tail(z.hi);
        T factor = fma(z.hi, tail, C::third);
        T factor_lo = fma(z.hi, tail, C::third - factor) + C::third_lo;
        T product = times(z.hi, factor);
        T product_lo = fma(z.hi, factor_lo, fma(z.lo, factor, fma(z.hi, factor, -product)));
        T near = fma(magnitude, product, times(magnitude, product_lo));

        // |x| - 1 + 2 / s: |x| - 1 is a multiple of the quotient's last bit.
        T bounded = bounded_absolute(x, tanh_saturated<T>);
        OnePlusExp<T> s(bounded + bounded);
        T quotient = T(2) / s.sum;
        T quotient_lo = times(fma(-quotient, s.rest(), fma(-quotient, s.sum, T(2))), T(0.5) * quotient);
        Pair<T> distance = fast_two_sum(magnitude, T(-1));
        Pair<T> sum = fast_two_sum(distance.hi, quotient);
        T far = unless_infinite(magnitude, sum.hi + (sum.lo + (distance.lo + quotient_lo)));
        return with_sign(magnitude < C::tanh_shrink_split ? near : far, x);
    }

    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T x) {
        Pair<T> ratio = unevaluated(tanh_ratio(x));
        Pair<T> tanh = fast_two_sum(ratio.hi, ratio.lo);
        return times(dy, unless_nan(x, fma(tanh.hi, tanh.hi, times(tanh.hi + tanh.hi, tanh.lo))));
    }
};

NPFUSE_FORMULAS_END
