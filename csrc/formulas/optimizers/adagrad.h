#pragma once

#include "arithmetic.h"

NPFUSE_FORMULAS_BEGIN

// sum = sum + g^2;  delta = lr / (1 + (step - 1) lr_decay) g / (sqrt(sum + eps_root) + eps)
//
// Few want an eps inside the root; without one the addition is saved.
struct Adagrad {
    static constexpr const char* name = "adagrad";
    static constexpr const char* setting_names[] = {"lr", "lr_decay", "eps", "eps_root"};
    static constexpr const char* states[] = {"sum"};

    struct Settings {
        double lr, lr_decay, eps, eps_root;
    };

    template <class T>
    struct Scalars {
        T eps_root;
        Normalizer<T> normalizer;
    };

    template <class T>
    static Scalars<T> prepare(double step, const Settings& at) {
        return {T(at.eps_root), Normalizer<T>(at.lr / (1 + (step - 1) * at.lr_decay), at.eps)};
    }

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& sum) {
        sum = fma(value<T>(g), value<T>(g), sum);
        return times(value<T>(g), s.normalizer.quickly_of(T(1), square_root(sum)));
    }
};

struct AdagradInside : Adagrad {
    static constexpr const char* name = "adagrad_inside";

    template <class T, class Gradient>
    NPFUSE_FORMULA static T step(const Scalars<T>& s, Gradient g, T& sum) {
        sum = fma(value<T>(g), value<T>(g), sum);
        return s.normalizer.of(value<T>(g), square_root(sum + s.eps_root));
    }
};

NPFUSE_FORMULAS_END
