// Negative log-likelihoods and divergences.
#pragma once

#include "../describe.h"
#include "relaxed_math.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

struct PoissonNllLoss {
    static constexpr const char* name = "poisson_nll_loss";
    static constexpr Flag flags[] = {
        {"log_input", true, "Whether `pred` is the logarithm of the rate, or the rate itself."},
    };
    static constexpr Parameter parameters[] = {
        {"eps", 1e-8, "Added to the rate before its logarithm is taken, where `pred` is the rate.",
         Domain::non_negative},
    };
    static constexpr Description description = {
        .summary = "Negative log-likelihood of a count under a Poisson distribution.",
        .formula = "exp(pred) - target * pred; of rates, pred - target * log(pred + eps)",
        .derivative = "exp(pred) - target; of rates, 1 - target / (pred + eps)",
        .accuracy = accuracy,
        .notes =
            "log(target!), which does not depend on the prediction, is left out, as PyTorch does unless told "
            "``full=True``.",
        .source = "Nelder and Wedderburn (1972), Generalized linear models.",
        .example =
            ">>> nf.poisson_nll_loss(np.array([0.0, 1.0]), np.array([2, 0]), reduction=\"none\")\n"
            "array([1.        , 2.71828183])",
    };

    template <bool log_input, class T>
    NPFUSE_FORMULA static T value(T pred, T target, T eps) {
        if constexpr (log_input) {
            // exp outgrows every multiple of pred.
            return fma(-target, clamp_min(clamp_max(pred, Format<T>::largest), least_multiplicand(target)), exp(pred));
        } else {
            // pred outgrows every multiple of its logarithm.
            T log_rate = relaxed_log(two_sum(pred, eps), least_multiplicand(target), Format<T>::largest);
            return fma(-target, log_rate, pred);
        }
    }

    template <bool log_input, class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T eps) {
        if constexpr (log_input) return exp(pred) - target;
        // Without eps, of a rate 0 and no counts the quotient is 0, not NaN.
        constexpr T infinity = Format<T>::infinity, subnormal = T(sizeof(T) == 4 ? 0x1p-149 : 0x1p-1074);
        return T(1) - target / clamp_min(pred + eps, eps == T(0) ? subnormal : -infinity);
    }
};

struct GaussianNllLoss {
    static constexpr const char* name = "gaussian_nll_loss";
    static constexpr Parameter operands[] = {
        {"var", 1, "The variance, at least 0.", Domain::non_negative},
    };
    static constexpr Parameter parameters[] = {
        {"eps", 1e-6, "The least variance that is divided by.", Domain::positive},
    };
    static constexpr Description description = {
        .summary = "Negative log-likelihood of a number under a normal distribution.",
        .formula = "(log(v) + (pred - target)**2 / v) / 2, where v = max(var, eps)",
        .derivative = "(pred - target) / v",
        .accuracy = accuracy,
        .notes =
            "log(2 * pi) / 2 is left out, as PyTorch does unless told ``full=True``. The gradient is that with "
            "respect to the mean; with respect to the variance it is (1 - (pred - target)**2 / v) / (2 * v).",
        .source = "Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.",
        .example =
            ">>> nf.gaussian_nll_loss(np.array([1.0]), np.array([3.0]), var=np.array([4.0]))\n1.1931471805599454",
    };

    template <class T>
    NPFUSE_FORMULA static ProductSum<T> value(T pred, T target, T var, T eps) {
        T v = clamp_min(var, eps), r = pred - target;
        return {r, T(0.5) * (r / v), T(0.5) * relaxed_log(v)};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T var, T eps) {
        T v = clamp_min(var, eps);
        Pair<T> r = two_sum(pred, -target);
        T slope = r.hi / v, better = slope + (fma(-slope, v, r.hi) + r.lo) / v;
        return better == better ? better : slope;  // where the slope or v is infinite
    }
};

struct KlDiv {
    static constexpr const char* name = "kl_div";
    static constexpr Flag flags[] = {
        {"log_target", false, "Whether `target` is a logarithm too."},
    };
    static constexpr Description description = {
        .summary = "Kullback-Leibler divergence of predicted log-probabilities from target probabilities.",
        .formula = "target * (log(target) - pred), 0 where target is 0; of logarithms, exp(target) * (target - pred)",
        .derivative = "-target; of logarithms, -exp(target)",
        .accuracy = accuracy,
        .notes =
            "`pred` holds logarithms of probabilities. The divergence of a batch of distributions is "
            "``reduction=\"sum\"`` divided by their number (PyTorch's \"batchmean\"); \"mean\" divides by the "
            "number of elements.",
        .source = "Kullback and Leibler (1951), On information and sufficiency.",
        .example = ">>> nf.kl_div(np.log([0.5, 0.5]), np.array([1.0, 0.0]), reduction=\"sum\")\n0.6931471805599453",
    };

    template <bool log_target, class T>
    NPFUSE_FORMULA static T value(T pred, T target) {
        if constexpr (log_target) {
            T probability = exp(target);
            return probability == T(0) ? T(0) : probability * (target - pred);
        } else {
            constexpr T infinity = Format<T>::infinity;
            T product = target * (log_of_positive(target) - pred);  // a factor infinity or NaN shows by itself
            T result = target < T(0) ? infinity - infinity : product;
            return target == T(0) ? T(0) : result;
        }
    }

    template <bool log_target, class T>
    NPFUSE_FORMULA static T gradient(T, T target) {
        return -(log_target ? exp(target) : target);
    }
};

NPFUSE_FORMULAS_END
