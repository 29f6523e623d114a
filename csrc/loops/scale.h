// Numbers of any kind times a factor, in place.
#pragma once

#include "../formulas/optimizers/arithmetic.h"
#include "operand.h"

NPFUSE_FORMULAS_BEGIN

// x toward zero, or away from it where x is between two floats of which that one is odd. Rounded to a half type it is
// what x is: so little is lost that it is on the same side of every tie.
NPFUSE_FORMULA float round_to_odd(double x) {
    const float below = toward_zero<float>(x);
    return from_bits<float>(to_bits(below) | (double(below) != x ? 1u : 0u));
}

// x factor, as what is stored as S needs it to be rounded once.
template <class S>
NPFUSE_FORMULA compute_t<S> scaled_number(compute_t<S> x, double factor) {
    const double product = double(x) * factor;
    if constexpr (sizeof(S) < sizeof(float))
        return round_to_odd(product);
    else
        return compute_t<S>(product);
}

template <class S>
void run_scale(const Operand& operand, double factor, ptrdiff_t n) {
    Block<compute_t<S>> buffer;
    for (ptrdiff_t begin = 0; begin < n; begin += block_length) {
        const ptrdiff_t count = n - begin < block_length ? n - begin : block_length;
        auto* numbers = const_cast<compute_t<S>*>(load(operand, begin, count, buffer.numbers));
#pragma omp simd
        for (ptrdiff_t i = 0; i < count; ++i) numbers[i] = scaled_number<S>(numbers[i], factor);
        store<S>(numbers, operand, begin, count);
    }
}

NPFUSE_FORMULAS_END
