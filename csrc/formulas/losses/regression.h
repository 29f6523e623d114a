// Losses of the residual r = pred - target.
#pragma once

#include "../describe.h"
#include "relaxed_math.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

struct L1Loss {
    static constexpr const char* name = "l1_loss";
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
        return signed_slope(T(1), pred - target);
    }
};

struct MseLoss {
    static constexpr const char* name = "mse_loss";
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
    static constexpr Parameter parameters[] = {
        {"delta", 1, "Where the loss turns from quadratic to linear; infinity is never.", Domain::positive_or_infinite},
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
        // A finite slope, so that an infinite residual has an infinite loss where delta is infinite, too.
        T r = pred - target, slope = clipped(r, clamp_max(delta, Format<T>::largest));
        return {slope, fma(T(-0.5), slope, r)};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T delta) {
        return clipped(pred - target, delta);
    }
};

struct SmoothL1Loss {
    static constexpr const char* name = "smooth_l1_loss";
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

    // The residual, clipped to beta; over beta the clipped one is exactly 1. A subnormal beta has no reciprocal, and
    // counts as the smallest that has one.
    template <class T>
    struct Near {
        T distance, slope;

        NPFUSE_FORMULA Near(T r, T beta) {
            T turn = clamp_min(beta, T(sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022));
            distance = clipped(r, turn);
            slope = scaled(distance, Scale<T>(1 / wide(turn)));
        }
    };

    // The usual beta needs no division.
    static int variant_for(const double* parameter_values) { return parameter_values[0] == 1; }

    template <bool is_huber, class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target, T beta) {
        if constexpr (is_huber) return HuberLoss::value(pred, target, beta);
        T r = pred - target;
        Near<T> near(r, beta);
        return {near.slope, fma(T(-0.5), near.distance, r)};
    }

    template <bool is_huber, class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T beta) {
        if constexpr (is_huber) return HuberLoss::gradient(pred, target, beta);
        return Near<T>(pred - target, beta).slope;
    }
};

struct PseudoHuberLoss {
    static constexpr const char* name = "pseudo_huber_loss";
    static constexpr Parameter parameters[] = {
        {"delta", 1, "Near which the loss turns from quadratic to linear; infinity is never.",
         Domain::positive_or_infinite},
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
    struct Root {
        T ratio, square, root;

        NPFUSE_FORMULA Root(T r, T delta) {
            ratio = scaled(r, Scale<T>(1 / wide(delta)));
            square = fma(ratio, ratio, T(1));
            root = square_root(square);
        }
    };

    template <class T>
    NPFUSE_FORMULA static bool is_far(T r, T delta) {
        return absolute(r) > clamp_max(T(far) * delta, Format<T>::largest);
    }

    template <class T>
    NPFUSE_FORMULA static Product<T> value(T pred, T target, T delta) {
        T r = pred - target;
        T slope = absolute(r) / (T(1) + Root<T>(r, delta).root);
        return {absolute(r), is_far(r, delta) ? delta : slope};
    }

    // What the residual, its ratio, the root and the quotient have been rounded by is made up for.
    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T delta) {
        Pair<T> r = two_sum(pred, -target);
        Root<T> q(r.hi, delta);
        T inverse = T(1) / q.root;
        T slope = times(r.hi, inverse), steepness = times(slope, inverse);
        T rest = fma(-slope, q.root, r.hi) + r.lo;
        T root_rest = fma(-q.root, q.root, q.square);
        T finite_delta = clamp_max(delta, Format<T>::largest);  // of an infinite one the ratio is 0
        T ratio_rest = times(fma(-q.ratio, finite_delta, r.hi) + r.lo, T(1 / wide(delta)));
        T square_rest = fma(q.ratio, ratio_rest, T(0.5) * root_rest);
        T better = fma(fma(-steepness, square_rest, rest), inverse, slope);
        return is_far(r.hi, delta) ? with_sign(delta, r.hi) : better;
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
    NPFUSE_FORMULA static T value(T pred, T target) {
        T r = pred - target, distance = absolute(r);
        // The square of what r is before it is rounded: near 0 its error would count twice.
        T z = fma(T(2) * r, two_sum(pred, -target).lo, r * r);
        T near = z * fma(z, log_cosh_tail(z), T(0.5));
        T a = bounded_absolute(r, tanh_saturated<T>);
        Reduced<T> reduced = reduce_exp(-(a + a), T(0), T(0));
        Pair<T> u = expm1_of(growth_pair(reduced), reduced.scale);
        T far = (distance - Constants<T>::ln2) + log1p_of_decay(T(1) + u.hi);
        return distance < T(1) ? near : far;
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        Pair<T> r = two_sum(pred, -target);
        // What the residual has been rounded by counts where tanh is steep.
        Pair<T> bend = tanh_bend(r.hi);
        T near = r.hi + fma(bend.hi, bend.lo, r.lo);
        return absolute(r.hi) > Constants<T>::tanh_split ? with_sign(tanh_beyond_split(r.hi), r.hi) : near;
    }
};

struct QuantileLoss {
    static constexpr const char* name = "quantile_loss";
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
    NPFUSE_FORMULA static T steepness(T r, T q) {
        return r > T(0) ? T(1) - q : q;
    }

    // A side of slope 0 takes care.
    static int variant_for(const double* parameter_values) {
        return parameter_values[0] == 0 || parameter_values[0] == 1;
    }

    template <bool is_one_sided, class T>
    NPFUSE_FORMULA static T value(T pred, T target, T q) {
        T r = pred - target, distance = absolute(r), steep = steepness(r, q);
        // There an infinite residual counts for nothing, as every finite one.
        if constexpr (is_one_sided) distance = steep == T(0) ? clamp_max(distance, Format<T>::largest) : distance;
        return distance * steep;
    }

    template <bool, class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T q) {
        T r = pred - target;
        return signed_slope(steepness(r, q), r);
    }
};

NPFUSE_FORMULAS_END
