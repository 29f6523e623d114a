// Arithmetic in twice the precision of what comes in and goes out: for float that is double, for double a pair.
#pragma once

#include "terms.h"

NPFUSE_FORMULAS_BEGIN

// hi + lo, to about 2^-100.
struct DoubleWord {
    double hi, lo;
};

NPFUSE_FORMULA DoubleWord normalised(double hi, double lo) {
    Pair<double> sum = fast_two_sum(hi, lo);
    return {sum.hi, sum.lo};
}

NPFUSE_FORMULA DoubleWord operator+(DoubleWord a, DoubleWord b) {
    Pair<double> sum = two_sum(a.hi, b.hi);
    return normalised(sum.hi, sum.lo + (a.lo + b.lo));
}
NPFUSE_FORMULA DoubleWord operator-(DoubleWord a) { return {-a.hi, -a.lo}; }
NPFUSE_FORMULA DoubleWord operator-(DoubleWord a, DoubleWord b) { return a + -b; }
NPFUSE_FORMULA DoubleWord operator*(DoubleWord a, DoubleWord b) {
    Pair<double> product = two_product(a.hi, b.hi);
    return normalised(product.hi, fma(a.hi, b.lo, fma(a.lo, b.hi, product.lo)));
}

NPFUSE_FORMULA double double_word(float x) { return x; }
NPFUSE_FORMULA DoubleWord double_word(double x) { return {x, 0}; }
NPFUSE_FORMULA double double_word(Pair<float> x) { return wide(x.hi) + wide(x.lo); }
NPFUSE_FORMULA DoubleWord double_word(Pair<double> x) { return {x.hi, x.lo}; }

template <class T>
using DoubleWordOf = decltype(double_word(T()));

NPFUSE_FORMULA double nearest(double x) { return x; }
NPFUSE_FORMULA double nearest(DoubleWord x) { return x.hi + x.lo; }

NPFUSE_FORMULA double choose(bool first, double a, double b) { return first ? a : b; }
NPFUSE_FORMULA DoubleWord choose(bool first, DoubleWord a, DoubleWord b) {
    return {first ? a.hi : b.hi, first ? a.lo : b.lo};
}

// 1 / x, given its rounded value: Newton's step. A quotient of doubles would take as long as all else.
NPFUSE_FORMULA double reciprocal(double x, float rounded) {
    double y = rounded;
    return y * fma(-x, y, 2.0);
}
NPFUSE_FORMULA DoubleWord reciprocal(DoubleWord x, double rounded) {
    return normalised(rounded, fma(-rounded, x.lo, fma(-rounded, x.hi, 1.0)) * rounded);
}

NPFUSE_FORMULAS_END
