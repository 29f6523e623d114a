// A row formula that the library does not have: what a new one costs.
#pragma once

#include "formulas/rows/expressions.h"

NPFUSE_FORMULAS_BEGIN

// (x - mean) / sqrt(variance + eps). Source: Ba, Kiros and Hinton (2016), Layer normalization.
struct LayerNorm {
    static constexpr const char* signature = "(n)->(n)";
    template <class Pass>
    NPFUSE_PASS static void run(Pass& pass) {
        using T = typename Pass::Number;
        const double n = double(pass.length()), eps = 1e-5;
        const auto x = pass.template input<0>();
        const auto mean = pass.each_row([=](double sum) NPFUSE_LAMBDA { return sum / n; }, pass.sum(x));
        const auto squares = pass.sum(
            map([](T x, double mean) NPFUSE_LAMBDA { return (double(x) - mean) * (double(x) - mean); }, x, mean));
        const auto scale =
            pass.each_row([=](double squares) NPFUSE_LAMBDA { return 1 / __builtin_sqrt(squares / n + eps); }, squares);
        pass.store(map([](T x, double mean, double scale) NPFUSE_LAMBDA { return T((double(x) - mean) * scale); }, x,
                       mean, scale));
    }
};

NPFUSE_FORMULAS_END
