// Cross-entropy of a row of logits against a label or a row of probabilities.
#pragma once

#include "../describe.h"
#include "../row_loss_settings.h"
#include "../rows/exponentials.h"
#include "terms.h"

NPFUSE_FORMULAS_BEGIN

// x * factor + addend, of which the factor has two parts.
template <class T>
NPFUSE_FORMULA T scaled_sum(T x, Pair<T> factor, T addend) {
    return fma(x, factor.hi, fma(x, factor.lo, addend));
}

struct SoftmaxCrossEntropy {
    static constexpr const char* name = "softmax_cross_entropy";
    static constexpr const char* prediction = "logits";
    static constexpr bool takes_probabilities = true, reads_whole_rows = true;
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

    // A row's targets at and excluding its largest logit, and the sum of target * (maximum - x).
    struct Targets {
        double at_argmax, excluding_argmax, distance;
    };

    // All of a row that its value and gradient need besides the terms, of which this has the sum excluding the largest.
    struct Row {
        double maximum;
        Targets targets;
        double rest;
        double z_loss;

        NPFUSE_FORMULA double target() const { return targets.at_argmax + targets.excluding_argmax; }
        NPFUSE_FORMULA double logsumexp() const { return maximum + log1p(rest); }
        NPFUSE_FORMULA double z_slope() const { return z_loss == 0 ? 0 : 2 * z_loss * target() * logsumexp(); }

        NPFUSE_FORMULA double value() const {
            double z = z_loss == 0 ? 0 : z_loss * logsumexp() * logsumexp();
            return targets.distance + target() * (log1p(rest) + z);
        }

        // The gradient is this times exp(x - maximum), less the target.
        NPFUSE_FORMULA double term_factor() const { return (target() + z_slope()) * (1 / (1 + rest)); }

        // At the largest logit the two may be nearly equal: their difference, without taking it.
        NPFUSE_FORMULA double argmax_gradient() const {
            return (targets.excluding_argmax + z_slope() - targets.at_argmax * rest) * (1 / (1 + rest));
        }
    };

    // What a row's terms are multiplied by for its gradient, which is special in two places.
    template <class T>
    struct Slopes {
        Pair<T> factor;
        T at_argmax, at_label;
    };

    // The sums of what is spread over the classes: probabilities, or the labels' smoothing.
    template <class Pass, class Target, class Maximum, class Position>
    NPFUSE_PASS static auto spread_targets(Pass& pass, const Target& target, const Maximum& maximum,
                                           const Position& argmax) {
        using T = typename Pass::Number;
        const auto parts =
            map([](T target, T x, T maximum)
                    NPFUSE_LAMBDA { return target == T(0) ? 0 : wide(target) * (wide(maximum) - wide(x)); },
                target, Input<0>(), maximum);
        const auto distance = pass.each_row([](double sum) NPFUSE_LAMBDA { return sum; }, pass.sum(parts));
        const auto excluding_argmax = pass.sum(replaced(target, argmax, constant(T(0))));
        return pass.each_row([](T at_argmax, double excluding_argmax, double distance)
                                 NPFUSE_LAMBDA { return Targets{wide(at_argmax), excluding_argmax, distance}; },
                             pass.gather(target, argmax), excluding_argmax, distance);
    }

    // Each row's value. A label is -1 where there is none, and weighs nothing.
    template <class Pass, class Labels, class Weights>
    NPFUSE_PASS static auto run(Pass& pass, const Labels& label, const Weights& weight,
                                const RowLossSettings& settings) {
        using T = typename Pass::Number;
        const double smoothing = settings.parameters[0], z_loss = settings.parameters[1], scale = settings.scale;
        const double kept = 1 - smoothing, share = smoothing / double(pass.length());
        const bool is_spread = !settings.has_labels || smoothing > 0;

        const auto x = pass.template input<0>();
        const auto target = map([=](T probability) NPFUSE_LAMBDA { return fma(probability, T(kept), T(share)); },
                                pass.template input<1>());
        const auto weighted = map([class_weights = settings.class_weights](T target, auto j)
                                      NPFUSE_LAMBDA { return T(wide(target) * class_weights[j]); },
                                  target, Position());
        const auto maximum = pass.max(x);
        const auto argmax = pass.find_first(x, maximum);
        const auto spread = pass.values_if(is_spread, [&](auto& pass) NPFUSE_LAMBDA {
            return settings.class_weights ? spread_targets(pass, weighted, maximum, argmax)
                                          : spread_targets(pass, target, maximum, argmax);
        });
        const auto at_label = pass.gather(x, label);

        const auto below = terms_below<RowTerms>(pass, maximum);
        const auto terms = pass.keep(replaced(map(Term(), x, below), argmax, constant(T(0))));
        const auto sum = pass.sum(terms);
        const auto targets = pass.derived(
            [=](Targets targets, auto argmax, auto label, double weight, T maximum, T at_label) NPFUSE_LAMBDA {
                const double target = weight * kept;
                const bool is_argmax = label == decltype(label)(argmax);
                targets.at_argmax += is_argmax ? target : 0;
                targets.excluding_argmax += is_argmax ? 0 : target;
                targets.distance += target == 0 ? 0 : target * (wide(maximum) - wide(at_label));
                return targets;
            },
            spread, argmax, label, weight, maximum, at_label);
        // Infinity and NaN are no maximum that a row can be compared to.
        const auto rest = pass.derived([](T maximum, double sum)
                                           NPFUSE_LAMBDA { return sum / RowTerms<T>::unit + wide(maximum - maximum); },
                                       maximum, sum);
        const auto value =
            pass.each_row([=](T maximum, Targets targets, double rest)
                              NPFUSE_LAMBDA { return Row{wide(maximum), targets, rest, z_loss}.value(); },
                          maximum, targets, rest);
        if (!pass.has_output()) return value;

        const auto slopes = pass.each_row(
            [=](T maximum, Targets targets, double rest, double weight, T term_at_label) NPFUSE_LAMBDA {
                const Row row = {wide(maximum), targets, rest, z_loss};
                const double factor = row.term_factor() / RowTerms<T>::unit * scale;
                const double at_label = wide(term_at_label) * factor - weight * (kept + share) * scale;
                return Slopes<T>{narrowed<T>(factor), T(row.argmax_gradient() * scale), T(at_label)};
            },
            maximum, targets, rest, weight, pass.gather(terms, label));
        const auto factor = pass.derived([](Slopes<T> slopes) NPFUSE_LAMBDA { return slopes.factor; }, slopes);
        const auto slope_at_argmax =
            pass.derived([](Slopes<T> slopes) NPFUSE_LAMBDA { return slopes.at_argmax; }, slopes);
        const auto slope_at_label =
            pass.derived([](Slopes<T> slopes) NPFUSE_LAMBDA { return slopes.at_label; }, slopes);
        const auto store_less = [&](const auto& target) NPFUSE_LAMBDA {
            const auto slope =
                map([](T term, Pair<T> factor, T target) NPFUSE_LAMBDA { return scaled_sum(term, factor, target); },
                    terms, factor, target);
            pass.store(replaced(replaced(slope, label, slope_at_label), argmax, slope_at_argmax));
        };
        const auto scaled = [minus_scale = narrowed<T>(-scale)](T target)
                                NPFUSE_LAMBDA { return scaled_sum(target, minus_scale, T(0)); };
        if (!is_spread)
            store_less(constant(T(0)));
        else if (settings.class_weights)
            store_less(map(scaled, weighted));
        else
            store_less(map(scaled, target));
        return value;
    }
};

template <>
struct Components<SoftmaxCrossEntropy::Targets> {
    using V = SoftmaxCrossEntropy::Targets;
    using Number = double;
    static constexpr int count = 3;
    template <int part>
    NPFUSE_PASS static double get(V targets) {
        return part == 0 ? targets.at_argmax : part == 1 ? targets.excluding_argmax : targets.distance;
    }
    NPFUSE_PASS static V made_of(double at_argmax, double excluding_argmax, double distance) {
        return {at_argmax, excluding_argmax, distance};
    }
};

template <class T>
struct Components<SoftmaxCrossEntropy::Slopes<T>> {
    using V = SoftmaxCrossEntropy::Slopes<T>;
    using Number = T;
    static constexpr int count = 4;
    template <int part>
    NPFUSE_PASS static T get(V slopes) {
        return part == 0   ? slopes.factor.hi
               : part == 1 ? slopes.factor.lo
               : part == 2 ? slopes.at_argmax
                           : slopes.at_label;
    }
    NPFUSE_PASS static V made_of(T hi, T lo, T at_argmax, T at_label) { return {{hi, lo}, at_argmax, at_label}; }
};

struct NllLoss {
    static constexpr const char* name = "nll_loss";
    static constexpr const char* prediction = "log_probs";
    static constexpr bool takes_probabilities = false, reads_whole_rows = false;
    static constexpr Description description = {
        .summary = "Negative log-likelihood of labels, given the logarithms of probabilities.",
        .formula = "-log_probs at the label",
        .derivative = "-1 at the label, 0 other",
        .accuracy = accuracy,
        .notes = "After ``log_softmax`` this is ``softmax_cross_entropy``, which does both at once.",
        .source = "Fisher (1922), On the mathematical foundations of theoretical statistics.",
        .example = ">>> nf.nll_loss(np.log([[0.25, 0.75]]), np.array([0]))\n1.3862943611198906",
    };

    // Each row's value. No row is read whole.
    template <class Pass, class Labels, class Weights>
    NPFUSE_PASS static auto run(Pass& pass, const Labels& label, const Weights& weight,
                                const RowLossSettings& settings) {
        using T = typename Pass::Number;
        const auto value = pass.each_row([](double weight, T log_probability)
                                             NPFUSE_LAMBDA { return -weight * wide(log_probability); },
                                         weight, pass.gather(Input<0>(), label));
        if (!pass.has_output()) return value;
        const auto slope =
            pass.derived([scale = settings.scale](double weight) NPFUSE_LAMBDA { return T(-weight * scale); }, weight);
        pass.store(replaced(constant(T(0)), label, slope));
        return value;
    }
};

// What a row of probabilities counts for, given the weights of its classes.
struct ProbabilityWeights {
    template <class Pass>
    NPFUSE_PASS static auto run(Pass& pass, const double* class_weights) {
        using T = typename Pass::Number;
        return pass.sum(map([=](T probability, auto j) NPFUSE_LAMBDA { return wide(probability) * class_weights[j]; },
                            pass.template input<1>(), Position()));
    }
};

NPFUSE_FORMULAS_END
