// The logistic function, its derivative, and tanh.
#pragma once

#include "exponential.h"
#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

// The logistic function of -|x| and |x|, from t = exp(-|x|): t / (1 + t) and 1 / (1 + t).
template <class T>
struct Logistic {
    Scaled<T> t;           // times Lift::up
    Pair<T> one_plus_t;
};

template <class T>
NPFUSE_FORMULA Logistic<T> logistic(T x) {
    using L = Lift<T>;
    Scaled<T> t = exp_scaled(at_least(-absolute(x), L::lowest), L::bits);
    T scale = t.scale * L::down;
    T hi = fma(scale, t.hi, T(1));
    return {t, {hi, fma(scale, t.lo, fma(scale, t.hi, T(1) - hi))}};
}

// Down from the lifted scale: rounds once, when the result is subnormal.
template <class T>
NPFUSE_FORMULA T lower(T x, T scale) {
    return x * scale * Lift<T>::down;
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T sigmoid(T x) {
    Logistic<T> l = logistic(x);
    bool negative = x < T(0);
    Pair<T> y = divide({negative ? l.t.hi : T(1), negative ? l.t.lo : T(0)}, l.one_plus_t);
    T magnitude = y.hi + y.lo;
    return negative ? lower(magnitude, l.t.scale) : magnitude;
}

// sigmoid(x) * sigmoid(-x) * factor, rounded once where it is subnormal. <= 2 ULP, all x.
template <class T>
NPFUSE_FORMULA T logistic_density(T x, T factor) {
    Logistic<T> l = logistic(x);
    T inverse = T(1) / l.one_plus_t.hi;
    T error = fma(-inverse, l.one_plus_t.lo, fma(-inverse, l.one_plus_t.hi, T(1)));
    T hi = l.t.hi * inverse * inverse;
    T lo = hi * (T(2) * error) + l.t.lo * inverse * inverse;
    return lower((hi + lo) * factor, l.t.scale);
}

// <= 1 ULP, all x.
template <class T>
NPFUSE_FORMULA T tanh(T x) {
    constexpr T saturated = T(sizeof(T) == 4 ? 10 : 20);
    Scaled<T> e = exp_scaled(T(-2) * at_most(absolute(x), saturated), T(0));
    T top = fma(-e.scale, e.hi, T(1));
    T bottom = fma(e.scale, e.hi, T(1));
    Pair<T> numerator = {top, fma(-e.scale, e.lo, fma(-e.scale, e.hi, T(1) - top))};
    Pair<T> denominator = {bottom, fma(e.scale, e.lo, fma(e.scale, e.hi, T(1) - bottom))};
    Pair<T> y = divide(numerator, denominator);
    return with_sign(y.hi + y.lo, x);
}

NPFUSE_FORMULAS_END
