// Cross-entropies of two classes: of a probability, of a logit, and the focal loss.
#pragma once

#include "../describe.h"
#include "quick_math.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

struct BinaryCrossEntropy {
    static constexpr const char* name = "binary_cross_entropy";
    static constexpr Description description = {
        .summary = "Cross-entropy of a probability against a target from 0 to 1.",
        .formula = "-target * log(pred) - (1 - target) * log(1 - pred)",
        .derivative = "(pred - target) / (pred * (1 - pred))",
        .accuracy = accuracy,
        .notes =
            "Logarithms are at least -100 and the gradient's denominators at least 1e-12, as in PyTorch, so that "
            "pred = 0 and pred = 1 give finite numbers. (Keras clips pred at 1e-7, scikit-learn at the resolution "
            "of its type.) Where the probability comes from a sigmoid, ``sigmoid_cross_entropy`` loses nothing. "
            "Beyond 0 and 1 the value is NaN.",
        .source = "Good (1952), Rational decisions.",
        .example =
            ">>> nf.binary_cross_entropy(np.array([0.5, 1.0, 0.0]), np.array([1, 1, 1]), reduction=\"none\")\n"
            "array([  0.69314718,   0.        , 100.        ])",
    };

    template <class T>
    NPFUSE_FORMULA static double value(T pred, T target) {
        T log_yes = at_least(quick_log(pred), T(-100));
        T log_no = at_least(quick_log_of_complement(pred), T(-100));
        return wide(target) * -wide(log_yes) + wide(T(1) - target) * -wide(log_no);
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        constexpr T tiny = T(1e-12);
        bool no = target == T(0), yes = target == T(1);
        T numerator = no ? T(1) : (yes ? T(-1) : pred - target);
        T denominator = no ? T(1) - pred : (yes ? pred : fma(-pred, pred, pred));
        return numerator / at_least(denominator, tiny);
    }
};

struct SigmoidCrossEntropy {
    static constexpr const char* name = "sigmoid_cross_entropy";
    static constexpr Parameter operands[] = {
        {"pos_weight", 1, "Multiplies the part of the loss that belongs to the target 1.", Domain::non_negative},
    };
    static constexpr Parameter parameters[] = {
        {"label_smoothing", 0, "Draws targets towards 1/2: t becomes t * (1 - label_smoothing) + label_smoothing / 2.",
         Domain::unit_interval},
    };
    static constexpr Description description = {
        .summary = "Cross-entropy of the sigmoid of a logit against a target from 0 to 1.",
        .formula = "pos_weight * t * softplus(-pred) + (1 - t) * softplus(pred), t the smoothed target",
        .derivative = "(1 - t) * sigmoid(pred) - pos_weight * t * sigmoid(-pred)",
        .accuracy = accuracy,
        .notes = "Nothing overflows or cancels for logits up to the largest finite float.",
        .source = "Cox (1958), The regression analysis of binary sequences.",
        .example =
            ">>> nf.sigmoid_cross_entropy(np.array([0.0, 1000.0]), np.array([1, 0]), reduction=\"none\")\n"
            "array([6.93147181e-01, 1.00000000e+03])",
    };

    // What counts for the two classes, each rounded by itself: 1 - t would lose digits of the smaller.
    template <class T>
    struct Targets {
        T yes, no;
        NPFUSE_FORMULA Targets(T target, T pos_weight, T smoothing) {
            T kept = T(1) - smoothing, share = T(0.5) * smoothing;
            yes = pos_weight * fma(target, kept, share);
            no = fma(T(1) - target, kept, share);
        }
    };

    template <class T>
    NPFUSE_FORMULA static double value(T pred, T target, T pos_weight, T smoothing) {
        Targets<T> t(target, pos_weight, smoothing);
        T wrong = pred < T(0) ? t.yes : t.no;
        T rest = quick_log1p_of_decay(quick_decay(absolute(pred)));
        // 0 times infinity is a target that is met, not NaN.
        T distance = wrong == T(0) ? T(0) : absolute(pred);
        return wide(wrong) * wide(distance) + wide(t.yes + t.no) * wide(rest);
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T pos_weight, T smoothing) {
        Targets<T> t(target, pos_weight, smoothing);
        T e = quick_decay(absolute(pred));
        T numerator = pred < T(0) ? fma(t.no, e, -t.yes) : fma(-t.yes, e, t.no);
        return numerator / (T(1) + e);
    }
};

struct SigmoidFocalLoss {
    static constexpr const char* name = "sigmoid_focal_loss";
    static constexpr Parameter parameters[] = {
        {"alpha", 0.25, "Weight of the target 1, and 1 - alpha of the target 0; below 0, no weights."},
        {"gamma", 2, "How strongly what is classified well is discounted.", Domain::non_negative},
    };
    static constexpr Description description = {
        .summary = "Focal loss of a logit: cross-entropy that discounts what is classified well.",
        .formula =
            "a * u**gamma * cross_entropy, where u = t * sigmoid(-pred) + (1 - t) * sigmoid(pred) and "
            "a = t * alpha + (1 - t) * (1 - alpha)",
        .derivative =
            "a * u**gamma * (sigmoid(pred) - t + gamma * cross_entropy * (1 - 2 * t) * sigmoid(pred) * "
            "sigmoid(-pred) / u)",
        .accuracy = accuracy,
        .notes =
            "The defaults are the paper's and torchvision's. Computed in float64 whatever the storage, because a "
            "power multiplies the error of its base.",
        .source = "Lin et al. (2017), Focal loss for dense object detection.",
        .example = ">>> round(nf.sigmoid_focal_loss(np.array([0.0, 3.0]), np.array([1, 1])), 9)\n0.02167451",
    };

    // The usual gamma needs no power.
    static int variant_for(const double* parameter_values) { return parameter_values[1] == 2; }

    // exp(-x) for x >= 0, to more digits than float has. A square is 0 in float before this is less than exp(-110).
    template <bool squared, class T>
    NPFUSE_FORMULA static double decay(T x) {
        if constexpr (!squared || sizeof(T) == sizeof(double)) {
            return quick_decay(wide(x));
        } else {
            using L = Lift<float>;
            Scaled<float> e = exp_scaled(at_least(-x, L::lowest), L::bits);
            return (wide(e.hi) + wide(e.lo)) * (wide(e.scale) * wide(L::down));
        }
    }

    // What value and gradient share. missing is u, the probability that the target lacks.
    struct Parts {
        double cross_entropy, missing, weight, density;
    };

    template <bool squared, class T>
    NPFUSE_FORMULA static Parts parts(T x, T target, T alpha) {
        double t = target, distance = absolute(x), e = decay<squared>(absolute(x)), rest = quick_log1p_of_decay(T(e));
        double right = 1 / (1 + e), wrong = e * right;
        double yes = x < 0 ? right : wrong, no = x < 0 ? wrong : right;
        double far = x < 0 ? t : 1 - t;
        Parts p;
        p.cross_entropy = (far == 0 ? 0 : far * distance) + rest;
        p.missing = t * yes + (1 - t) * no;
        p.weight = alpha < 0 ? 1 : t * alpha + (1 - t) * (1 - wide(alpha));
        p.density = right * wrong;
        return p;
    }

    // u**gamma and gamma * u**(gamma - 1)
    struct Power {
        double power, slope;
    };

    template <bool squared, class T>
    NPFUSE_FORMULA static Power power(double missing, T gamma) {
        if constexpr (squared) return {missing * missing, 2 * missing};
        double x = at_least(missing, 0x1p-1000);
        double result = gamma == 0 ? 1 : quick_exp(wide(gamma) * quick_log(x));
        return {result, gamma * result / x};
    }

    template <bool squared, class T>
    NPFUSE_FORMULA static double value(T pred, T target, T alpha, T gamma) {
        Parts p = parts<squared>(pred, target, alpha);
        return p.weight * power<squared>(p.missing, gamma).power * p.cross_entropy;
    }

    template <bool squared, class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T alpha, T gamma) {
        Parts p = parts<squared>(pred, target, alpha);
        Power u = power<squared>(p.missing, gamma);
        double t = target, e = decay<squared>(absolute(pred)), right = 1 / (1 + e), wrong = e * right;
        double slope = pred < 0 ? (1 - t) * wrong - t * right : (1 - t) * right - t * wrong;
        return T(p.weight * (u.power * slope + u.slope * p.cross_entropy * (1 - 2 * t) * p.density));
    }
};

NPFUSE_FORMULAS_END
