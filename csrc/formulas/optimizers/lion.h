#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// delta = lr sign(beta1 exp_avg + (1 - beta1) g),  then exp_avg = beta2 exp_avg + (1 - beta2) g
struct Lion {
    static constexpr const char* name = "lion";
    static constexpr const char* setting_names[] = {"lr", "beta1", "beta2"};
    static constexpr const char* states[] = {"exp_avg"};

    struct Settings {
        double lr, beta1, beta2;
    };

    template <class T>
    struct Scalars {
        Factor<T> direction;  // beta1 / (1 - beta1): only the sign matters
        Factor<T> decay2, gain2;
        T lr;
    };

    template <class T>
    static Scalars<T> prepare(double /*step*/, const Settings& at) {
        return {Factor<T>(at.beta1 / (1 - at.beta1)), Factor<T>(at.beta2), Factor<T>(1 - at.beta2), T(at.lr)};
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& exp_avg) {
        const T direction = mix(s.direction, exp_avg, g);
        exp_avg = mix(s.decay2, exp_avg, s.gain2, g);
        const T step = direction == T(0) ? T(0) : with_sign(s.lr, direction);
        return direction == direction ? step : direction;
    }
};

NPFUSE_FORMULAS_END
