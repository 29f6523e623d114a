#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// delta = lr g
struct Sgd {
    static constexpr const char* name = "sgd";
    static constexpr const char* setting_names[] = {"lr"};

    struct Settings {
        double lr;
    };

    template <class T>
    struct Scalars {
        T lr;
    };

    template <class T>
    static Scalars<T> prepare(double /*step*/, const Settings& at) {
        return {T(at.lr)};
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g) {
        return times(s.lr, value<T>(g));
    }
};

// buffer = momentum buffer + g;  delta = lr buffer, or with nesterov lr (g + momentum buffer)
template <bool nesterov>
struct SgdMomentumWith {
    static constexpr const char* name = nesterov ? "sgd_nesterov" : "sgd_momentum";
    static constexpr const char* setting_names[] = {"lr", "momentum"};
    static constexpr const char* states[] = {"momentum_buffer"};

    struct Settings {
        double lr, momentum;
    };

    template <class T>
    struct Scalars {
        Factor<T> momentum, momentum_ahead;
        T lr, lr_ahead;
    };

    template <class T>
    static Scalars<T> prepare(double /*step*/, const Settings& at) {
        return {
            .momentum = Factor<T>(at.momentum),
            .momentum_ahead = Factor<T>(at.momentum * at.momentum / (1 + at.momentum)),
            .lr = T(at.lr),
            .lr_ahead = T(at.lr * (1 + at.momentum)),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& buffer) {
        const T before = buffer;
        buffer = mix(s.momentum, buffer, g);
        if constexpr (nesterov)  // g + momentum (momentum before + g)
            return times(s.lr_ahead, mix(s.momentum_ahead, before, g));
        else
            return times(s.lr, buffer);
    }
};

using SgdMomentum = SgdMomentumWith<false>;
using SgdNesterov = SgdMomentumWith<true>;

// buffer = momentum buffer + (1 - dampening) g, on the first step g;  delta = lr buffer
//
// With velocity 1 the buffer is multiplied by lr as it is filled, not as it is used (Keras), and may look ahead then
// too.
struct SgdDampened {
    static constexpr const char* name = "sgd_dampened";
    static constexpr const char* setting_names[] = {"lr", "momentum", "dampening", "velocity", "nesterov"};
    static constexpr const char* states[] = {"momentum_buffer"};

    struct Settings {
        double lr, momentum, dampening, velocity, nesterov;
    };

    template <class T>
    struct Scalars {
        Factor<T> buffer_momentum, buffer_gain;
        Factor<T> delta_momentum, delta_gain;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        const double gain = step == 1 ? 1 : 1 - at.dampening;
        const double into_buffer = at.velocity != 0 ? at.lr : 1;
        const double from_buffer = at.velocity != 0 ? 1 : at.lr;
        const double ahead = at.nesterov != 0 ? at.momentum : 1;
        return {
            .buffer_momentum = Factor<T>(at.momentum),
            .buffer_gain = Factor<T>(gain * into_buffer),
            .delta_momentum = Factor<T>(from_buffer * ahead * at.momentum),
            .delta_gain = Factor<T>(at.lr * (ahead * gain + (at.nesterov != 0 ? 1 : 0))),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& buffer) {
        const T delta = mix(s.delta_momentum, buffer, s.delta_gain, g);
        buffer = mix(s.buffer_momentum, buffer, s.buffer_gain, g);
        return delta;
    }
};

NPFUSE_FORMULAS_END
