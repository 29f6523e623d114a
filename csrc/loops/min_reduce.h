// The smallest number of an array: whether all lie in a domain that has a least number. NaN is no number.
#pragma once

#include "views.h"

NPFUSE_FORMULAS_BEGIN

template <class T>
NPFUSE_FORMULA T lower_of(T x, T lowest) {
    return x < lowest ? x : lowest;
}

template <class T>
class Smallest {
public:
    Smallest() {
        for (T& lowest : lanes_) lowest = T(__builtin_huge_val());
    }

    void look_at(const T* x, ptrdiff_t n) {
        ptrdiff_t i = 0;
        for (; i + lanes <= n; i += lanes)
#pragma omp simd
            for (ptrdiff_t lane = 0; lane < lanes; ++lane) lanes_[lane] = lower_of(x[i + lane], lanes_[lane]);
        for (; i < n; ++i) lanes_[0] = lower_of(x[i], lanes_[0]);
    }

    double result() const {
        T lowest = lanes_[0];
        for (ptrdiff_t lane = 1; lane < lanes; ++lane) lowest = lower_of(lanes_[lane], lowest);
        return lowest;
    }

private:
    static constexpr ptrdiff_t lanes = 256 / sizeof(T);  // as many as it takes to keep a core busy
    alignas(64) T lanes_[lanes];
};

// Of elements [begin, end).
inline double min_reduce(const View& view, ptrdiff_t begin, ptrdiff_t end) {
    if (is_direct<float>(view)) {
        Smallest<float> found;
        found.look_at(direct<float>(view, begin), end - begin);
        return found.result();
    }
    Smallest<double> found;
    alignas(64) double block[block_length];
    for (ptrdiff_t first = begin; first < end; first += block_length) {
        const ptrdiff_t count = end - first < block_length ? end - first : block_length;
        load(view, first, count, block);
        found.look_at(block, count);
    }
    return found.result();
}

NPFUSE_FORMULAS_END
