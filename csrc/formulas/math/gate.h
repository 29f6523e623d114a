// What silu and gelu share: x times a probability.
#pragma once

#include "exponential.h"
#include "primitives.h"

NPFUSE_FORMULAS_BEGIN

// relu(x) + minus_magnitude * tail, rounded once, where minus_magnitude is -|x|, bounded, and the tail, times
// Lift::up, the probability that belongs to -|x|.
template <class T>
NPFUSE_FORMULA T relu_minus(T x, T minus_magnitude, Scaled<T> tail) {
    using L = Lift<T>;
    bool negative = x < T(0);
    // A negative result stays lifted to the end, a positive one is not lifted, lest it overflow.
    T base = negative ? T(-0.0) : x;
    T scale = negative ? tail.scale : tail.scale * L::down;
    T drop = negative ? L::down : T(1);
    T factor = minus_magnitude * scale;
    T y = fma(factor, tail.hi, base);
    T rest = fma(factor, tail.hi, base - y);
    return unless_nan(x, (y + fma(factor, tail.lo, rest)) * drop);
}

NPFUSE_FORMULAS_END
