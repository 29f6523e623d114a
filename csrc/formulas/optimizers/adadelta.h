#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// square_avg = rho square_avg + (1 - rho) g^2
// d = sqrt(acc_delta + eps) / sqrt(square_avg + eps) g,  acc_delta = rho acc_delta + (1 - rho) d^2;  delta = lr d
//
// The root of the quotient is the quotient of the roots, and one root less. Of a large square_avg the quotient would be
// too small a number to keep; it is scaled by a power of 4, and so are what d is multiplied by.
struct Adadelta {
    static constexpr const char* name = "adadelta";
    static constexpr const char* setting_names[] = {"lr", "rho", "eps"};
    static constexpr const char* states[] = {"square_avg", "acc_delta"};

    struct Settings {
        double lr, rho, eps;
    };

    template <class T>
    struct Scalars {
        T lr, decay, gain, delta_gain, eps;
        T scale, scaled_eps;
    };

    template <class T>
    static Scalars<T> prepare(double /*step*/, const Settings& at) {
        const double eps = clamp_min(at.eps, smallest_root<T> * smallest_root<T>);
        // eps scale / square_avg is a number to keep whatever square_avg, if eps is not too small for that.
        double scale = 1, root_scale = 1;
        for (; scale * eps < 16 && scale * smallest_root<T> < 0.25; root_scale *= 2) scale *= 4;
        return {
            .lr = T(at.lr / root_scale),
            .decay = T(at.rho),
            .gain = T(1 - at.rho),
            .delta_gain = T((1 - at.rho) / scale),
            .eps = T(eps),
            .scale = T(scale),
            .scaled_eps = T(eps * scale),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& square_avg, T& acc_delta) {
        square_avg = mix_square(s.decay, square_avg, s.gain, g);
        const T quotient = fma(s.scale, acc_delta, s.scaled_eps) / (square_avg + s.eps);
        const T scaled_d = times(square_root(quotient), value<T>(g));
        acc_delta = mix_square(s.decay, acc_delta, s.delta_gain, scaled_d);
        return times(s.lr, scaled_d);
    }
};

NPFUSE_FORMULAS_END
