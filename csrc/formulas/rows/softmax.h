#pragma once

#include "../describe.h"
#include "../math.h"

NPFUSE_FORMULAS_BEGIN

// A sum that is carried in double, as the two numbers of type T next to it: T(high + low) loses nothing that T can say.
template <class T>
struct Split {
    T high, low;
    NPFUSE_FORMULA explicit Split(double sum) : high(T(sum)), low(T(sum - double(T(sum)))) {}
};

struct Softmax {
    static constexpr const char* name = "softmax";
    static constexpr Description description = {
        .summary = "Softmax along an axis.",
        .formula = "exp(x - max(x)) / sum(exp(x - max(x)))",
        .derivative = "y * (dy - sum(dy * y))",
        .accuracy = "2 ULP of the exact quotient in float32 and float64, for rows of any length and spread.",
        .notes = "The sum is carried in double, in one fixed order. -inf gives exactly 0 (a mask); a row that is -inf "
                 "throughout, or holds NaN or +inf, gives NaN throughout, as in PyTorch and SciPy.",
        .source = "Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.",
        .example = ">>> nf.softmax(np.array([0.0, 0.0]))\narray([0.5, 0.5])",
    };

    // One term of the sum.
    template <class T>
    NPFUSE_FORMULA static T term(T x, T maximum) {
        return exp(x - maximum);
    }

    template <class T>
    NPFUSE_FORMULA static T quotient(T term, Split<T> reciprocal) {
        return term * reciprocal.high + term * reciprocal.low;
    }

    // dot is the sum of dy * y over the row.
    template <class T>
    NPFUSE_FORMULA static T backward(T dy, T y, Split<T> dot) {
        return y * ((dy - dot.high) - dot.low);
    }
};

NPFUSE_FORMULAS_END
