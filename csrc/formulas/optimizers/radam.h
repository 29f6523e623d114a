#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// exp_avg and exp_avg_sq as in Adam;  m = exp_avg / (1 - beta1^step)
// r = rho - 2 step beta2^step / (1 - beta2^step), where rho = 2 / (1 - beta2) - 1
// delta = lr m, and from r > 5 on
//         lr m sqrt((r - 4) (r - 2) rho / ((rho - 4) (rho - 2) r)) sqrt(1 - beta2^step) / (sqrt(exp_avg_sq) + eps)
struct RAdam {
    static constexpr const char* name = "radam";
    static constexpr const char* setting_names[] = {"lr", "beta1", "beta2", "eps"};
    static constexpr const char* states[] = {"exp_avg", "exp_avg_sq"};

    struct Settings {
        double lr, beta1, beta2, eps;
    };

    template <class T>
    struct Scalars {
        Factor<T> decay1, gain1;
        T decay2, gain2;
        T rectified;
        Normalizer<T> normalizer;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        const double decayed = __builtin_pow(at.beta2, step);
        const double rho = 2 / (1 - at.beta2) - 1;
        const double r = rho - 2 * step * decayed / (1 - decayed);
        const bool rectified = r > 5;
        const double rectification = (r - 4) * (r - 2) * rho / ((rho - 4) * (rho - 2) * r) * (1 - decayed);
        const double lr = at.lr / (1 - __builtin_pow(at.beta1, step));
        return {
            .decay1 = Factor<T>(at.beta1),
            .gain1 = Factor<T>(1 - at.beta1),
            .decay2 = T(at.beta2),
            .gain2 = T(1 - at.beta2),
            .rectified = T(rectified ? 1 : 0),
            .normalizer = rectified ? Normalizer<T>(lr * __builtin_sqrt(rectification), at.eps) : Normalizer<T>(lr, 1),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_sq) {
        exp_avg = mix(s.decay1, exp_avg, s.gain1, g);
        exp_avg_sq = mix_square(s.decay2, exp_avg_sq, s.gain2, g);
        const T root = square_root(exp_avg_sq);
        return s.normalizer.of(exp_avg, s.rectified != T(0) ? root : T(0));
    }
};

NPFUSE_FORMULAS_END
