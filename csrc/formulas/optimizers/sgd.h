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
        return s.lr * value(g);
    }
};

// buffer = momentum buffer + (1 - dampening) g, on the first step g;  delta = lr buffer
//
// Where velocity is 1 the buffer holds lr times that (Keras), which differs as soon as lr changes between steps.
struct SgdMomentum {
    static constexpr const char* name = "sgd_momentum";
    static constexpr const char* setting_names[] = {"lr", "momentum", "dampening", "velocity"};
    static constexpr const char* states[] = {"momentum_buffer"};

    struct Settings {
        double lr, momentum, dampening, velocity;
        double gain(double step) const { return step == 1 ? 1 : 1 - dampening; }
        double into_buffer() const { return velocity != 0 ? lr : 1; }
        double from_buffer() const { return velocity != 0 ? 1 : lr; }
    };

    template <class T>
    struct Scalars {
        Factor<T> momentum, gain;
        T from_buffer;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        return {Factor<T>(at.momentum), Factor<T>(at.gain(step) * at.into_buffer()), T(at.from_buffer())};
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& buffer) {
        buffer = mix(s.momentum, buffer, s.gain, g);
        return s.from_buffer * buffer;
    }
};

// The same, but delta = lr (g + momentum buffer), where the buffer is already the new one.
struct SgdNesterov {
    static constexpr const char* name = "sgd_nesterov";
    static constexpr const char* setting_names[] = {"lr", "momentum", "dampening", "velocity"};
    static constexpr const char* states[] = {"momentum_buffer"};

    using Settings = SgdMomentum::Settings;

    template <class T>
    struct Scalars {
        Factor<T> momentum, gain;
        Factor<T> delta_momentum, delta_gain;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        return {
            .momentum = Factor<T>(at.momentum),
            .gain = Factor<T>(at.gain(step) * at.into_buffer()),
            .delta_momentum = Factor<T>(at.from_buffer() * at.momentum * at.momentum),
            .delta_gain = Factor<T>(at.lr * (1 + at.momentum * at.gain(step))),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& buffer) {
        const T delta = mix(s.delta_momentum, buffer, s.delta_gain, g);
        buffer = mix(s.momentum, buffer, s.gain, g);
        return delta;
    }
};

NPFUSE_FORMULAS_END
