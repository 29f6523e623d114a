// log(1 + exp(x)).
#pragma once

#include "coefficients.h"
#include "logistic.h"
#include "parts.h"
#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// A logarithm that is still to be multiplied by t's power of two, or, of a larger t, is not.
template <class T>
struct LogOnePlus {
    Pair<T> log;
    bool large;
};

// log(1 + (t.hi + t.lo) * power), 0 <= t <= 1. Relative error 2^-26.5 (float), 2^-55.5 (double).
template <class T>
NPFUSE_FORMULA LogOnePlus<T> log_one_plus(Pair<T> t, T power) {
    using C = Constants<T>;
    T number = times(t.hi, power), number_lo = times(t.lo, power);
    // It is 2 atanh(t / (2 + t)), or log(2) + 2 atanh((t - 1) / (3 + t)).
    bool large = number > C::sqrt_2 - T(1);
    Pair<T> beyond = fast_two_sum(T(-1), number);
    Pair<T> top = {large ? beyond.hi : t.hi, large ? beyond.lo + number_lo : t.lo};
    Pair<T> bottom = fast_two_sum(large ? T(3) : T(2), number);
    Pair<T> w = unevaluated(ratio<T>({top.hi + top.hi, top.lo + top.lo}, {bottom.hi, bottom.lo + number_lo}));
    T root = times(w.hi, large ? T(1) : power);
    T z = times(root, root);
    Pair<T> sum = fast_two_sum(large ? C::ln2 : T(0), w.hi);
    T rest = sum.lo + (large ? w.lo + C::ln2_lo : w.lo);
    return {{sum.hi, fma(times(w.hi, z), log_tail(z), rest)}, large};
}

// base + part, where part is an unevaluated sum; infinity stays.
template <class T>
NPFUSE_FORMULA T added(T base, Pair<T> part) {
    Pair<T> sum = two_sum(base, part.hi);
    T y = sum.hi + (sum.lo + part.lo);
    return sum.hi < Format<T>::infinity ? y : sum.hi;
}

// log(1 + exp(beta * x)) / beta, <= 1 ULP for beta > 0.
template <class T>
NPFUSE_FORMULA T softplus(T x, T beta) {
    Pair<T> z = distance_of_product(beta, x, -least_exponent<T>);
    Parts<T> t = exp_parts<T>({-z.hi, -z.lo});
    PowerOfTwo<T> power(t.k);
    LogOnePlus<T> result = log_one_plus<T>({t.hi, t.lo}, power.upper);
    T inverse = T(1) / beta;
    T quotient = times(result.log.hi, inverse);
    Pair<T> log = fast_two_sum(quotient, times(fma(-quotient, beta, result.log.hi) + result.log.lo, inverse));
    T upper = result.large ? T(1) : power.upper, lower = result.large ? T(1) : power.lower;
    T y = added(clamp_min(x, T(0)), {times(times(log.hi, upper), lower), times(times(log.lo, upper), lower)});
    return unless_nan(x + beta, y);
}

// log(1 + exp(x)), <= 1 ULP.
template <class T>
NPFUSE_FORMULA T softplus(T x) {
    Scaled<T> t = exp_minus_absolute(x);
    T power = times(t.scale, ExpScale<T>::down);
    LogOnePlus<T> result = log_one_plus<T>({t.hi, t.lo}, power);
    T scale = result.large ? T(1) : power;
    return unless_nan(x, added(clamp_min(x, T(0)), {times(result.log.hi, scale), times(result.log.lo, scale)}));
}

NPFUSE_FORMULAS_END
