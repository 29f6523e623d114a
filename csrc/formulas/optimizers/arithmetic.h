// The arithmetic that optimizers share: weighted sums of what is stored and of what comes in.
//
// A moving average of gradients can cancel to nearly nothing, and so can a gradient and its weight decay. Rounded the
// plain way, what is left then is rounding error. Here it keeps its digits, at no cost that could be measured where an
// optimizer waits for memory or for the divider.
#pragma once

#include "../math/primitives.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
NPFUSE_FORMULA T toward_zero(double x) {
    const T nearest = T(x);
    const bool beyond = (x < 0 ? -x : x) < double(absolute(nearest));
    return beyond ? from_bits<T>(to_bits(nearest) - 1) : nearest;
}

// A number that comes in double (a decay, a gain), also as the sum of two of type T. Both have its sign, so that
// infinity times either is the same infinity.
template <class T>
struct Factor {
    T hi, lo;
    double exact;

    Factor() = default;
    NPFUSE_FORMULA explicit Factor(double x) : hi(toward_zero<T>(x)), lo(T(x - double(toward_zero<T>(x)))), exact(x) {}
};

// A gradient that a loss scale or weight decay had a part in. It is carried in double until it is stored: rounded to T,
// it could not be right any more where it cancels with a moving average.
struct WideGradient {
    double number;
};

// The root of the smallest number that a state keeps. An eps that would vanish when added to it is as much, so that no
// gradient is no step.
template <class T>
inline constexpr double smallest_root = 0x1p-63;
template <>
inline constexpr double smallest_root<double> = 0x1p-511;

// The gradient itself, as a number of type T.
template <class T>
NPFUSE_FORMULA T value(float gradient) {
    return T(gradient);
}

template <class T>
NPFUSE_FORMULA T value(double gradient) {
    return T(gradient);
}

template <class T>
NPFUSE_FORMULA T value(WideGradient gradient) {
    return T(gradient.number);
}

// The sum, and what rounding took from it. Of an infinite sum that is NaN, or the same infinity.
template <class T>
NPFUSE_FORMULA T corrected(T sum, T error) {
    return error < Format<T>::infinity ? sum + error : sum;
}

// a x + g, right to the last bit or two whatever cancels.
template <class T>
NPFUSE_FORMULA T mix(Factor<T> a, T x, T g) {
    return corrected(fma(a.hi, x, g), times(a.lo, x));
}

template <class T>
NPFUSE_FORMULA T mix(Factor<T> a, T x, WideGradient g) {
    return T(fma(a.exact, double(x), g.number));
}

// a x + b g, right to the last bit or two whatever cancels.
template <class T>
NPFUSE_FORMULA T mix(Factor<T> a, T x, Factor<T> b, T g) {
    Pair<T> product = two_product(b.hi, g);
    T sum = fma(a.hi, x, product.hi);
    T error = fma(a.lo, x, fma(b.lo, g, product.lo));
    return corrected(sum, error);
}

template <class T>
NPFUSE_FORMULA T mix(Factor<T> a, T x, Factor<T> b, WideGradient g) {
    return T(fma(a.exact, double(x), b.exact * g.number));
}

// g - x, likewise.
template <class T>
NPFUSE_FORMULA T difference(T g, T x) {
    return g - x;
}

template <class T>
NPFUSE_FORMULA T difference(WideGradient g, T x) {
    return T(g.number - double(x));
}

// x - g^2, whose sign is exact too.
template <class T>
NPFUSE_FORMULA T excess_over_square(T x, T g) {
    return fma(-g, g, x);
}

template <class T>
NPFUSE_FORMULA T excess_over_square(T x, WideGradient g) {
    return T(fma(-g.number, g.number, double(x)));
}

// decay average + gain g^2
template <class T, class Gradient>
NPFUSE_FORMULA T mix_square(T decay, T average, T gain, Gradient g) {
    return fma(times(gain, value<T>(g)), value<T>(g), times(decay, average));
}

// A number as a state keeps it, without subnormal ones: a gradient that stays zero lets its averages shrink until they
// are subnormal, where rounding would hold them for ever. They are too small for any parameter to notice.
template <class T>
NPFUSE_FORMULA T flush_subnormals(T x) {
    const auto exponent = to_bits(T(__builtin_huge_val()));
    return (to_bits(x) & exponent) != 0 ? x : T(0);
}

// Of what a state keeps: most processors take many times as long over a subnormal number.
NPFUSE_FORMULA float square_root(float x) { return __builtin_sqrtf(flush_subnormals(x)); }
NPFUSE_FORMULA double square_root(double x) { return __builtin_sqrt(flush_subnormals(x)); }

// lr numerator / (root + eps). The learning rate goes into the denominator, which saves a rounding. The numerator
// is multiplied, as the quotient of a subnormal one would take long. An eps that would vanish when added to the
// smallest root is that root: no gradient, no step.
template <class T>
struct Normalizer {
    Factor<T> exact_weight;
    T weight, eps;  // of the root, and of nothing

    Normalizer() = default;
    NPFUSE_FORMULA Normalizer(double lr, double added_eps)
        : exact_weight(1 / lr), weight(T(1 / lr)), eps(T(clamp_min(added_eps, smallest_root<T>) / lr)) {
        if (!(weight < Format<T>::infinity)) {  // no step at all
            exact_weight = Factor<T>(0);
            weight = 0;
            eps = Format<T>::infinity;
        } else if (exact_weight.lo == T(0)) {  // an infinite root times 0 would be NaN
            exact_weight.hi = from_bits<T>(to_bits(exact_weight.hi) - 1);
            exact_weight.lo = T(1 / lr - double(exact_weight.hi));
        }
    }

    NPFUSE_FORMULA T of(T numerator, T root) const {
        return times(numerator, T(1) / fma(exact_weight.hi, root, fma(exact_weight.lo, root, eps)));
    }

    // Of no subnormal numerator, with less of the weight: where every operation shows.
    NPFUSE_FORMULA T quickly_of(T numerator, T root) const { return numerator / fma(weight, root, eps); }
};

NPFUSE_FORMULAS_END
