#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// exp_avg = beta1 exp_avg + (1 - beta1) g,  exp_avg_var = beta2 exp_avg_var + (1 - beta2) (g - exp_avg)^2 + eps
// delta = lr m / (sqrt(s) + eps),  where m = exp_avg / (1 - beta1^step), s = exp_avg_var / (1 - beta2^step)
//
// The distance of g from the new exp_avg is beta1 times its distance from the old one, which no rounding has touched.
struct AdaBelief {
    static constexpr const char* name = "adabelief";
    static constexpr const char* setting_names[] = {"lr", "beta1", "beta2", "eps"};
    static constexpr const char* states[] = {"exp_avg", "exp_avg_var"};

    struct Settings {
        double lr, beta1, beta2, eps;
    };

    template <class T>
    struct Scalars {
        Factor<T> decay1, gain1;
        T decay2, gain2, eps;
        Normalizer<T> normalizer;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        const double root_correction = __builtin_sqrt(1 - __builtin_pow(at.beta2, step));
        return {
            .decay1 = Factor<T>(at.beta1),
            .gain1 = Factor<T>(1 - at.beta1),
            .decay2 = T(at.beta2),
            .gain2 = T((1 - at.beta2) * at.beta1 * at.beta1),
            .eps = T(at.eps),
            .normalizer =
                Normalizer<T>(at.lr * root_correction / (1 - __builtin_pow(at.beta1, step)), at.eps * root_correction),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_var) {
        const T distance = difference(g, exp_avg);
        exp_avg = mix(s.decay1, exp_avg, s.gain1, g);
        exp_avg_var = fma(times(s.gain2, distance), distance, fma(s.decay2, exp_avg_var, s.eps));
        return s.normalizer.of(exp_avg, square_root(exp_avg_var));
    }
};

NPFUSE_FORMULAS_END
