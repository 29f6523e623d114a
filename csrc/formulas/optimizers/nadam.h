#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// exp_avg and exp_avg_sq as in Adam;  mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2)
// delta = lr (a g + b exp_avg) / (sqrt(exp_avg_sq / (1 - beta2^step)) + eps)
// where a = (1 - mu(step)) / (1 - mu(1) ... mu(step)), b = mu(step + 1) / (1 - mu(1) ... mu(step + 1))
//
// mu_product is that of the steps before this one.
struct NAdam {
    static constexpr const char* name = "nadam";
    static constexpr const char* setting_names[] = {"lr", "beta1", "beta2", "eps", "momentum_decay", "mu_product"};
    static constexpr const char* states[] = {"exp_avg", "exp_avg_sq"};

    struct Settings {
        double lr, beta1, beta2, eps, momentum_decay, mu_product;
        double mu(double step) const { return beta1 * (1 - 0.5 * __builtin_pow(0.96, step * momentum_decay)); }
    };

    template <class T>
    struct Scalars {
        Factor<T> decay1, gain1;
        T decay2, gain2;
        Factor<T> numerator_average;  // what the old exp_avg counts in the numerator where g counts a quarter
        Normalizer<T> normalizer;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        const double product = at.mu_product * at.mu(step);
        const double a = (1 - at.mu(step)) / (1 - product);
        const double b = at.mu(step + 1) / (1 - product * at.mu(step + 1));
        const double of_gradient = a + b * (1 - at.beta1);
        const double root_correction = __builtin_sqrt(1 - __builtin_pow(at.beta2, step));
        return {
            .decay1 = Factor<T>(at.beta1),
            .gain1 = Factor<T>(1 - at.beta1),
            .decay2 = T(at.beta2),
            .gain2 = T(1 - at.beta2),
            .numerator_average = Factor<T>(b * at.beta1 / of_gradient / 4),
            .normalizer = Normalizer<T>(4 * at.lr * of_gradient * root_correction, at.eps * root_correction),
        };
    }

    template <class T>
    static NPFUSE_FORMULA T quarter(T g) {
        return times(g, T(0.25));
    }
    static NPFUSE_FORMULA WideGradient quarter(WideGradient g) { return {0.25 * g.number}; }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg, T& exp_avg_sq) {
        const T numerator = mix(s.numerator_average, exp_avg, quarter(g));  // finite, however large g
        exp_avg = mix(s.decay1, exp_avg, s.gain1, g);
        exp_avg_sq = mix_square(s.decay2, exp_avg_sq, s.gain2, g);
        return s.normalizer.of(numerator, square_root(exp_avg_sq));
    }
};

NPFUSE_FORMULAS_END
