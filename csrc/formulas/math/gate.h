// What silu and gelu share: x times a probability.
#pragma once

#include "primitives.h"
#include "ratio.h"

NPFUSE_FORMULAS_BEGIN

// relu(x) - q, where q is |x| times the probability that belongs to -|x|. NaN if x is.
template <class T>
NPFUSE_FORMULA T relu_minus(T x, Ratio<T> q) {
    Pair<T> y = fast_two_sum(x < T(0) ? T(-0.0) : x, -q.hi);
    return y.hi + fma(-q.rest, q.inverse, y.lo);
}

NPFUSE_FORMULAS_END
