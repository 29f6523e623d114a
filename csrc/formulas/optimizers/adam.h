#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// exp_avg = beta1 exp_avg + (1 - beta1) g,  exp_avg_sq = beta2 exp_avg_sq + (1 - beta2) g^2
// delta = lr m / (sqrt(v + eps_root) + eps),  where m = exp_avg / (1 - beta1^step), v = exp_avg_sq / (1 - beta2^step)
//
// eps_hat is an eps outside the correction of v (Keras, ONNX). Both corrections are multiplied out of the fraction,
// which leaves one root and one division; few want an eps inside the root, which takes an addition more. AdamW is this
// with decoupled weight decay, which the loop brings.
struct Adam {
    static constexpr const char* name = "adam";
    static constexpr const char* setting_names[] = {"lr", "beta1", "beta2", "eps", "eps_root", "eps_hat"};
    static constexpr const char* states[] = {"exp_avg", "exp_avg_sq"};

    struct Settings {
        double lr, beta1, beta2, eps, eps_root, eps_hat;
    };

    template <class T>
    struct Scalars {
        Factor<T> decay1, gain1;
        T decay2, gain2;
        T eps_root;
        Normalizer<T> normalizer;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        const double correction1 = 1 - __builtin_pow(at.beta1, step);
        const double correction2 = 1 - __builtin_pow(at.beta2, step);
        return {
            .decay1 = Factor<T>(at.beta1),
            .gain1 = Factor<T>(1 - at.beta1),
            .decay2 = T(at.beta2),
            .gain2 = T(1 - at.beta2),
            .eps_root = T(at.eps_root * correction2),
            .normalizer = Normalizer<T>(at.lr * __builtin_sqrt(correction2) / correction1,
                                        at.eps * __builtin_sqrt(correction2) + at.eps_hat),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_sq) {
        update_averages(s, g, exp_avg, exp_avg_sq);
        return s.normalizer.quickly_of(flush_subnormals(exp_avg), square_root(exp_avg_sq));
    }

protected:
    template <class T, class Gradient>
    NPFUSE_FORMULA static void update_averages(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_sq) {
        exp_avg = mix(s.decay1, exp_avg, s.gain1, g);
        exp_avg_sq = mix_square(s.decay2, exp_avg_sq, s.gain2, g);
    }
};

struct AdamInside : Adam {
    static constexpr const char* name = "adam_inside";

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_sq) {
        update_averages(s, g, exp_avg, exp_avg_sq);
        return s.normalizer.of(exp_avg, square_root(exp_avg_sq + s.eps_root));
    }
};

// The root is taken of the largest exp_avg_sq there ever was.
struct AdamAmsgrad : Adam {
    static constexpr const char* name = "adam_amsgrad";
    static constexpr const char* states[] = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_sq, T& max_exp_avg_sq) {
        update_averages(s, g, exp_avg, exp_avg_sq);
        max_exp_avg_sq = clamp_min(exp_avg_sq, max_exp_avg_sq);
        return s.normalizer.of(exp_avg, square_root(max_exp_avg_sq + s.eps_root));
    }
};

NPFUSE_FORMULAS_END
