// Cross-entropy of a row of logits against a label or a row of probabilities.
#pragma once

#include "../describe.h"
#include "../rows/exponentials.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

struct SoftmaxCrossEntropy {
    static constexpr const char* name = "softmax_cross_entropy";
    static constexpr const char* prediction = "logits";
    static constexpr bool takes_probabilities = true;
    static constexpr bool is_normalised = true;
    static constexpr Parameter parameters[] = {
        {"label_smoothing", 0, "The share of each target that is spread over all classes.", Domain::unit_interval},
        {"z_loss", 0, "Adds ``z_loss * logsumexp(logits)**2``, which keeps logits near 0.", Domain::non_negative},
    };
    static constexpr Description description = {
        .summary = "Softmax cross-entropy of logits against labels or probabilities.",
        .formula =
            "sum(t * (logsumexp(logits) - logits)) along the axis, where t is 1 at the label and 0 elsewhere, "
            "or the probabilities",
        .derivative = "softmax(logits) - t",
        .accuracy = accuracy,
        .notes =
            "Nothing overflows or cancels for logits up to the largest finite float: the largest logit is left out "
            "of the sum, so that a loss near 0 keeps its digits.",
        .source =
            "Bridle (1990), Probabilistic interpretation of feedforward classification network outputs. "
            "Label smoothing: Szegedy et al. (2016). z-loss: Chowdhery et al. (2022), PaLM.",
        .example = ">>> nf.softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))\n0.6931471805599453",
    };

    // All of a row that its value and gradient need besides the terms: the target at and excluding the largest
    // logit, the sum of target * (maximum - x), and the sum of the terms excluding the largest.
    struct Row {
        double maximum;
        double target_at_argmax;
        double target_excluding_argmax;
        double distance;
        double rest;
        double z_loss;

        NPFUSE_FORMULA double target() const { return target_at_argmax + target_excluding_argmax; }
        NPFUSE_FORMULA double logsumexp() const { return maximum + log1p(rest); }
        NPFUSE_FORMULA double z_slope() const { return z_loss == 0 ? 0 : 2 * z_loss * target() * logsumexp(); }

        NPFUSE_FORMULA double value() const {
            double z = z_loss == 0 ? 0 : z_loss * logsumexp() * logsumexp();
            return distance + target() * (log1p(rest) + z);
        }

        // The gradient is this times exp(x - maximum), less the target.
        NPFUSE_FORMULA double term_factor() const { return (target() + z_slope()) * (1 / (1 + rest)); }

        // At the largest logit the two may be nearly equal: their difference, without taking it.
        NPFUSE_FORMULA double argmax_gradient() const {
            return (target_excluding_argmax + z_slope() - target_at_argmax * rest) * (1 / (1 + rest));
        }
    };
};

struct NllLoss {
    static constexpr const char* name = "nll_loss";
    static constexpr const char* prediction = "log_probs";
    static constexpr bool takes_probabilities = false;
    static constexpr bool is_normalised = false;
    static constexpr Description description = {
        .summary = "Negative log-likelihood of labels, given the logarithms of probabilities.",
        .formula = "-log_probs at the label",
        .derivative = "-1 at the label, 0 other",
        .accuracy = accuracy,
        .notes = "After ``log_softmax`` this is ``softmax_cross_entropy``, which does both at once.",
        .source = "Fisher (1922), On the mathematical foundations of theoretical statistics.",
        .example = ">>> nf.nll_loss(np.log([[0.25, 0.75]]), np.array([0]))\n1.3862943611198906",
    };

    struct Row {
        double surprise;
        NPFUSE_FORMULA double value() const { return surprise; }
    };
};

NPFUSE_FORMULAS_END
