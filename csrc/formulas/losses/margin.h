// Losses of raw scores against labels -1 and +1: of the margin pred * target.
#pragma once

#include "../describe.h"
#include "relaxed_math.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

struct HingeLoss {
    static constexpr const char* name = "hinge_loss";
    static constexpr Description description = {
        .summary = "Hinge loss of a raw score against a label -1 or +1.",
        .formula = "max(0, 1 - pred * target)",
        .derivative = "-target where pred * target < 1, else 0",
        .accuracy = accuracy,
        .notes = "Labels 0 and 1 must be turned into -1 and +1 first (``2 * target - 1``), which Keras does by itself.",
        .source = "Cortes and Vapnik (1995), Support-vector networks.",
        .example =
            ">>> nf.hinge_loss(np.array([0.5, -2.0, 3.0]), np.array([1, 1, 1]), reduction=\"none\")\n"
            "array([0.5, 3. , 0. ])",
    };

    // By how much a score misses the margin: <= 0 where it does not.
    template <class T>
    NPFUSE_FORMULA static T shortfall(T pred, T target) {
        return fma(-pred, target, T(1));
    }

    template <class T>
    NPFUSE_FORMULA static T value(T pred, T target) {
        return clamp_min(shortfall(pred, target), T(0));
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        T missing = value(pred, target);
        return missing > T(0) ? -target : missing;
    }
};

struct SquaredHingeLoss {
    static constexpr const char* name = "squared_hinge_loss";
    static constexpr Description description = {
        .summary = "Squared hinge loss of a raw score against a label -1 or +1.",
        .formula = "max(0, 1 - pred * target)**2",
        .derivative = "-2 * target * max(0, 1 - pred * target)",
        .accuracy = accuracy,
        .notes = "Labels 0 and 1 must be turned into -1 and +1 first (``2 * target - 1``), which Keras does by itself.",
        .source = "Lee and Mangasarian (2001), SSVM: A smooth support vector machine for classification.",
        .example =
            ">>> nf.squared_hinge_loss(np.array([0.5, -2.0, 3.0]), np.array([1, 1, 1]), reduction=\"none\")\n"
            "array([0.25, 9.  , 0.  ])",
    };

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target) {
        T missing = HingeLoss::value(pred, target);
        return {missing, missing};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        return T(-2) * target * HingeLoss::value(pred, target);
    }
};

struct LogisticLoss {
    static constexpr const char* name = "logistic_loss";
    static constexpr Description description = {
        .summary = "Logistic loss of a raw score against a label -1 or +1.",
        .formula = "log(1 + exp(-pred * target))",
        .derivative = "-target * sigmoid(-pred * target)",
        .accuracy = accuracy,
        .notes = "``sigmoid_cross_entropy`` is the same for labels 0 and 1. Nothing overflows.",
        .source = "Cox (1958), The regression analysis of binary sequences.",
        .example =
            ">>> nf.logistic_loss(np.array([0.0, 1000.0]), np.array([1, -1]), reduction=\"none\")\n"
            "array([6.93147181e-01, 1.00000000e+03])",
    };

    template <class T>
    NPFUSE_FORMULA static T value(T pred, T target) {
        T margin = times(pred, target);
        return clamp_min(-margin, T(0)) + log1p_of_decay(Decay<T>(margin).number);
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        T margin = times(pred, target);
        Decay<T> e(margin);
        T below = sigmoid_below_zero(Pair<T>{e.scaled_up, e.scaled_up_lo});
        return times(-target, margin > T(0) ? below : T(1) - below);
    }
};

NPFUSE_FORMULAS_END
