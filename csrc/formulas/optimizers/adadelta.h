#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// square_avg = rho square_avg + (1 - rho) g^2
// d = sqrt(acc_delta + eps) / sqrt(square_avg + eps) g,  acc_delta = rho acc_delta + (1 - rho) d^2;  delta = lr d
//
// The root of the quotient is the quotient of the roots, and one root less.
struct Adadelta {
    static constexpr const char* name = "adadelta";
    static constexpr const char* setting_names[] = {"lr", "rho", "eps"};
    static constexpr const char* states[] = {"square_avg", "acc_delta"};

    struct Settings {
        double lr, rho, eps;
    };

    template <class T>
    struct Scalars {
        T lr, decay, gain, eps;
    };

    template <class T>
    static Scalars<T> prepare(double /*step*/, const Settings& at) {
        return {T(at.lr), T(at.rho), T(1 - at.rho), T(at.eps)};
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& square_avg, T& acc_delta) {
        square_avg = mix_square(s.decay, square_avg, s.gain, g);
        const T d = times(square_root((acc_delta + s.eps) / (square_avg + s.eps)), value<T>(g));
        acc_delta = mix_square(s.decay, acc_delta, s.gain, d);
        return times(s.lr, d);
    }
};

NPFUSE_FORMULAS_END
