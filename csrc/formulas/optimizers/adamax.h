#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// exp_avg = beta1 exp_avg + (1 - beta1) g,  exp_inf = max(beta2 exp_inf, |g| + eps)
// delta = lr / (1 - beta1^step) exp_avg / (exp_inf + eps_outside)
struct Adamax {
    static constexpr const char* name = "adamax";
    static constexpr const char* setting_names[] = {"lr", "beta1", "beta2", "eps", "eps_outside"};
    static constexpr const char* states[] = {"exp_avg", "exp_inf"};

    struct Settings {
        double lr, beta1, beta2, eps, eps_outside;
    };

    template <class T>
    struct Scalars {
        Factor<T> decay1, gain1;
        Factor<T> decay2;
        T eps, eps_outside, lr;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        return {
            .decay1 = Factor<T>(at.beta1),
            .gain1 = Factor<T>(1 - at.beta1),
            .decay2 = Factor<T>(at.beta2),
            .eps = T(at.eps),
            .eps_outside = T(clamp_min(at.eps_outside, smallest_root<T>)),
            .lr = T(at.lr / (1 - __builtin_pow(at.beta1, step))),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_inf) {
        exp_avg = mix(s.decay1, exp_avg, s.gain1, g);
        const T decayed = fma(s.decay2.hi, exp_inf, times(s.decay2.lo, exp_inf));
        const T larger = clamp_min(absolute(value<T>(g)) + s.eps, decayed);
        exp_inf = decayed == decayed ? larger : decayed;
        return times(s.lr, flush_subnormals(exp_avg) / (exp_inf + s.eps_outside));
    }
};

NPFUSE_FORMULAS_END
