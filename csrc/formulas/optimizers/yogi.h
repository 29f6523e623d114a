#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// exp_avg = beta1 exp_avg + (1 - beta1) g,  exp_avg_sq = exp_avg_sq - (1 - beta2) sign(exp_avg_sq - g^2) g^2
// delta = lr m / (sqrt(v) + eps),  where m = exp_avg / (1 - beta1^step), v = exp_avg_sq / (1 - beta2^step)
struct Yogi {
    static constexpr const char* name = "yogi";
    static constexpr const char* setting_names[] = {"lr", "beta1", "beta2", "eps"};
    static constexpr const char* states[] = {"exp_avg", "exp_avg_sq"};

    struct Settings {
        double lr, beta1, beta2, eps;
    };

    template <class T>
    struct Scalars {
        Factor<T> decay1, gain1;
        T gain2;
        Normalizer<T> normalizer;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        const double root_correction = __builtin_sqrt(1 - __builtin_pow(at.beta2, step));
        return {
            .decay1 = Factor<T>(at.beta1),
            .gain1 = Factor<T>(1 - at.beta1),
            .gain2 = T(1 - at.beta2),
            .normalizer =
                Normalizer<T>(at.lr * root_correction / (1 - __builtin_pow(at.beta1, step)), at.eps * root_correction),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_sq) {
        exp_avg = mix(s.decay1, exp_avg, s.gain1, g);
        const T excess = excess_over_square(exp_avg_sq, g);
        const T signed_gain = excess == T(0) ? T(0) : with_sign(s.gain2, excess);
        exp_avg_sq = fma(times(-signed_gain, value<T>(g)), value<T>(g), exp_avg_sq);
        return s.normalizer.of(exp_avg, square_root(exp_avg_sq));
    }
};

NPFUSE_FORMULAS_END
