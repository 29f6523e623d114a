// Losses of the residual r = pred - target.
#pragma once

#include "../describe.h"
#include "quick_math.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

struct L1Loss {
    static constexpr const char* name = "l1_loss";
    static constexpr bool is_light = true;
    static constexpr Description description = {
        .summary = "Absolute error (L1).",
        .formula = "abs(r), where r = pred - target",
        .derivative = "sign(r), 0 at r = 0",
        .accuracy = accuracy,
        .notes = "The textbook's L1 distance is ``reduction=\"sum\"``.",
        .source = "Boscovich (1757), De litteraria expeditione per pontificiam ditionem.",
        .example = ">>> nf.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))\n1.0",
    };

    template <class T>
    NPFUSE_FORMULA static T value(T pred, T target) {
        return absolute(pred - target);
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        T r = pred - target;
        return choose_by_sign(r, T(-1), T(1));
    }
};

struct MseLoss {
    static constexpr const char* name = "mse_loss";
    static constexpr bool is_light = true;
    static constexpr Description description = {
        .summary = "Squared error (L2).",
        .formula = "r**2, where r = pred - target",
        .derivative = "2 * r",
        .accuracy = accuracy,
        .notes =
            "No factor 1/2, as in PyTorch; optax's l2_loss has one. The textbook's squared L2 distance is "
            "``reduction=\"sum\"``.",
        .source = "Legendre (1805), Nouvelles méthodes pour la détermination des orbites des comètes.",
        .example = ">>> nf.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))\n2.0",
    };

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target) {
        T r = pred - target;
        return {r, r};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        return T(2) * (pred - target);
    }
};

struct HuberLoss {
    static constexpr const char* name = "huber_loss";
    static constexpr bool is_light = true;
    static constexpr Parameter parameters[] = {
        {"delta", 1, "Where the loss turns from quadratic to linear.", Domain::positive},
    };
    static constexpr Description description = {
        .summary = "Huber's loss: quadratic near 0, linear beyond delta.",
        .formula = "r**2 / 2 where abs(r) <= delta, else delta * (abs(r) - delta / 2), where r = pred - target",
        .derivative = "clip(r, -delta, delta)",
        .accuracy = accuracy,
        .notes = "``smooth_l1_loss`` with ``beta=delta`` is this divided by delta.",
        .source = "Huber (1964), Robust estimation of a location parameter.",
        .example = ">>> nf.huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction=\"none\")\narray([0.125, 2.5  ])",
    };

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target, T delta) {
        T distance = absolute(pred - target);
        T near = at_most(distance, delta);
        return {near, distance - T(0.5) * near};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T delta) {
        return at_least(at_most(pred - target, delta), -delta);
    }
};

struct SmoothL1Loss {
    static constexpr const char* name = "smooth_l1_loss";
    static constexpr bool is_light = true;
    static constexpr Parameter parameters[] = {
        {"beta", 1, "Where the loss turns from quadratic to linear.", Domain::positive},
    };
    static constexpr Description description = {
        .summary = "Smooth L1 loss: of slope 1 beyond beta, quadratic within.",
        .formula = "r**2 / (2 * beta) where abs(r) <= beta, else abs(r) - beta / 2, where r = pred - target",
        .derivative = "clip(r / beta, -1, 1)",
        .accuracy = accuracy,
        .notes =
            "It is ``huber_loss`` with ``delta=beta``, divided by beta. PyTorch also takes beta = 0, which is "
            "``l1_loss``.",
        .source = "Girshick (2015), Fast R-CNN.",
        .example =
            ">>> nf.smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), beta=0.5, reduction=\"none\")\n"
            "array([0.25, 2.75])",
    };

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target, T beta) {
        T distance = absolute(pred - target);
        return {at_most(distance / beta, T(1)), distance - T(0.5) * at_most(distance, beta)};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T beta) {
        T r = pred - target;
        return with_sign(at_most(absolute(r) / beta, T(1)), r);
    }
};

struct PseudoHuberLoss {
    static constexpr const char* name = "pseudo_huber_loss";
    static constexpr bool is_light = true;
    static constexpr Parameter parameters[] = {
        {"delta", 1, "Near which the loss turns from quadratic to linear.", Domain::positive},
    };
    static constexpr Description description = {
        .summary = "Pseudo-Huber loss: a smooth turn from quadratic to linear.",
        .formula = "delta**2 * (sqrt(1 + (r / delta)**2) - 1), where r = pred - target",
        .derivative = "r / sqrt(1 + (r / delta)**2)",
        .accuracy = accuracy,
        .notes = "Computed as r**2 / (1 + sqrt(1 + (r / delta)**2)), which keeps small residuals exact.",
        .source = "Charbonnier et al. (1997), Deterministic edge-preserving regularization in computed imaging.",
        .example = ">>> nf.pseudo_huber_loss(np.array([0.75]), np.zeros(1), reduction=\"none\")\narray([0.25])",
    };

    // Beyond this, in units of delta, the loss is linear to the last digit.
    static constexpr double far = 0x1p60;

    NPFUSE_FORMULA static float square_root(float x) { return __builtin_sqrtf(x); }
    NPFUSE_FORMULA static double square_root(double x) { return __builtin_sqrt(x); }

    template <class T>
    NPFUSE_FORMULA static T root(T distance, T delta) {
        T ratio = distance / delta;
        return square_root(fma(ratio, ratio, T(1)));
    }

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target, T delta) {
        T distance = absolute(pred - target);
        T slope = distance / (T(1) + root(distance, delta));
        return {distance, distance > T(far) * delta ? delta : slope};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T delta) {
        T r = pred - target;
        T distance = absolute(r);
        T slope = distance / root(distance, delta);
        return with_sign(distance > T(far) * delta ? delta : slope, r);
    }
};

struct LogCoshLoss {
    static constexpr const char* name = "log_cosh_loss";
    static constexpr Description description = {
        .summary = "Logarithm of the hyperbolic cosine: quadratic near 0, linear far away.",
        .formula = "log(cosh(r)), where r = pred - target",
        .derivative = "tanh(r)",
        .accuracy = accuracy,
        .notes = "Small residuals keep their digits, large ones do not overflow.",
        .source = "Green (1990), Bayesian reconstructions from emission tomography data using a modified EM algorithm.",
        .example = ">>> nf.log_cosh_loss(np.array([1000.0]), np.zeros(1))\n999.3068528194401",
    };

    template <class T>
    NPFUSE_FORMULA static double value(T pred, T target) {
        constexpr double log_2 = 0x1.62e42fefa39efp-1;
        T r = pred - target, distance = absolute(r), slope = tanh(r);
        bool near = distance < T(1);
        // log(1 - tanh^2) near 0, log(1 + exp(-2 * distance)) beyond
        T log_part = quick_log_of_complement(near ? slope * slope : -quick_decay(T(2) * distance));
        return near ? -0.5 * wide(log_part) : wide(distance) - log_2 + wide(log_part);
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        return tanh(pred - target);
    }
};

struct QuantileLoss {
    static constexpr const char* name = "quantile_loss";
    static constexpr bool is_light = true;
    static constexpr Parameter parameters[] = {
        {"q", 0.5, "The quantile whose estimate minimises the loss.", Domain::unit_interval},
    };
    static constexpr Description description = {
        .summary = "Quantile (pinball) loss.",
        .formula = "max(q * (target - pred), (1 - q) * (pred - target))",
        .derivative = "1 - q where pred > target, -q where pred < target, 0 where they are equal",
        .accuracy = accuracy,
        .notes = "q = 0.5 is half of ``l1_loss``.",
        .source = "Koenker and Bassett (1978), Regression quantiles.",
        .example =
            ">>> nf.quantile_loss(np.array([1.0, 3.0]), np.array([2.0, 2.0]), q=0.75, reduction=\"none\")\n"
            "array([0.75, 0.25])",
    };

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target, T q) {
        T r = pred - target;
        return {absolute(r), r > T(0) ? T(1) - q : q};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T q) {
        return choose_by_sign(pred - target, -q, T(1) - q);
    }
};

NPFUSE_FORMULAS_END
