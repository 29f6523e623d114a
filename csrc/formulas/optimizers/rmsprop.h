#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// square_avg = alpha square_avg + (1 - alpha) g^2,  v = square_avg;  delta = lr g / (sqrt(v + eps_root) + eps)
// centered: grad_avg = alpha grad_avg + (1 - alpha) g,  v = square_avg - grad_avg^2, at least 0
struct RMSprop {
    static constexpr const char* name = "rmsprop";
    static constexpr const char* setting_names[] = {"lr", "alpha", "eps", "eps_root"};
    static constexpr const char* states[] = {"square_avg"};

    struct Settings {
        double lr, alpha, eps, eps_root;
    };

    template <class T>
    struct Scalars {
        T decay, gain;
        Factor<T> exact_decay, exact_gain;
        T spread_gain, eps_root;
        Normalizer<T> normalizer;
    };

    template <class T>
    static Scalars<T> prepare(double /*step*/, const Settings& at) {
        return {
            .decay = T(at.alpha),
            .gain = T(1 - at.alpha),
            .exact_decay = Factor<T>(at.alpha),
            .exact_gain = Factor<T>(1 - at.alpha),
            .spread_gain = T(at.alpha * (1 - at.alpha)),
            .eps_root = T(at.eps_root),
            .normalizer = Normalizer<T>(at.lr, at.eps),
        };
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& square_avg) {
        square_avg = mix_square(s.decay, square_avg, s.gain, g);
        return s.normalizer.of(value<T>(g), square_root(square_avg + s.eps_root));
    }
};

struct RMSpropCentered : RMSprop {
    static constexpr const char* name = "rmsprop_centered";
    static constexpr const char* states[] = {"square_avg", "grad_avg"};

    // In the new averages the variance may cancel to nothing. In the old ones it is
    // alpha (square_avg - grad_avg^2) + alpha (1 - alpha) (g - grad_avg)^2.
    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& square_avg, T& grad_avg) {
        const T distance = difference(g, grad_avg);
        const T remaining = times(s.decay, excess_over_square(square_avg, grad_avg));
        const T variance = clamp_min(fma(times(s.spread_gain, distance), distance, remaining), T(0));
        square_avg = mix_square(s.decay, square_avg, s.gain, g);
        grad_avg = mix(s.exact_decay, grad_avg, s.exact_gain, g);
        return s.normalizer.of(value<T>(g), square_root(variance + s.eps_root));
    }
};

// buffer = momentum buffer + g / (sqrt(v + eps_root) + eps),  delta = lr buffer
//
// Where velocity is 1 the buffer is multiplied by lr as it is filled, not as it is used (Keras). What enters the buffer
// may cancel with it, so it is worked out in double.
struct RMSpropBuffered {
    static constexpr const char* setting_names[] = {"lr", "alpha", "eps", "eps_root", "momentum", "velocity"};

    struct Settings {
        double lr, alpha, eps, eps_root, momentum, velocity;
    };

    template <class T>
    struct Scalars {
        double decay, gain, eps, eps_root, momentum, into_buffer;
        T from_buffer;
    };

    template <class T>
    static Scalars<T> prepare(double /*step*/, const Settings& at) {
        return {
            .decay = at.alpha,
            .gain = 1 - at.alpha,
            .eps = clamp_min(at.eps, smallest_root<double>),
            .eps_root = at.eps_root,
            .momentum = at.momentum,
            .into_buffer = at.velocity != 0 ? at.lr : 1,
            .from_buffer = T(at.velocity != 0 ? 1 : at.lr),
        };
    }

protected:
    template <class T>
    NPFUSE_FORMULA static T fill(const Scalars<T>& s, double g, double variance, T& buffer) {
        const double entering = s.into_buffer * g / (square_root(variance + s.eps_root) + s.eps);
        buffer = T(fma(s.momentum, double(buffer), entering));
        return s.from_buffer * buffer;
    }
};

struct RMSpropMomentum : RMSpropBuffered {
    static constexpr const char* name = "rmsprop_momentum";
    static constexpr const char* states[] = {"square_avg", "momentum_buffer"};

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient gradient, T& square_avg, T& momentum_buffer) {
        const double g = value<double>(gradient);
        const double average = fma(s.gain * g, g, s.decay * double(square_avg));
        square_avg = T(average);
        return fill(s, g, average, momentum_buffer);
    }
};

struct RMSpropCenteredMomentum : RMSpropBuffered {
    static constexpr const char* name = "rmsprop_centered_momentum";
    static constexpr const char* states[] = {"square_avg", "momentum_buffer", "grad_avg"};

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient gradient, T& square_avg, T& momentum_buffer,
                                 T& grad_avg) {
        const double g = value<double>(gradient);
        const double average = fma(s.gain * g, g, s.decay * double(square_avg));
        const double mean = fma(s.gain, g, s.decay * double(grad_avg));
        square_avg = T(average);
        grad_avg = T(mean);
        return fill(s, g, clamp_min(fma(-mean, mean, average), 0.0), momentum_buffer);
    }
};

NPFUSE_FORMULAS_END
