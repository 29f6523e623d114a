// Cross-entropies of two classes: of a probability, of a logit, and the focal loss.
#pragma once

#include "../describe.h"
#include "double_word.h"
#include "relaxed_math.h"
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

    // Scaled up, a subnormal number is normal, and the logarithm of 0 below the bound, as it should be.
    template <class T>
    NPFUSE_FORMULA static T value(T pred, T target) {
        using L = ExpScale<T>;
        T scaled_up = fma(pred, L::up, T(0));  // and -0 is 0
        Pair<T> complement = fast_two_sum(L::up, -scaled_up);
        T log_yes = clamp_min(log_of_scaled_up(scaled_up, L::bits), T(-100));
        T log_no = clamp_min(log_of_scaled_up(complement, L::bits), T(-100));
        T result = fma(-target, log_yes, times(T(1) - target, -log_no));
        constexpr T infinity = Format<T>::infinity;
        return pred >= T(0) && pred <= T(1) ? result : infinity - infinity;
    }

    // pred * (1 - pred), or of one class the factor that it leaves.
    template <class T>
    NPFUSE_FORMULA static Pair<T> denominator(T pred, bool no, bool yes) {
        constexpr T least = T(1e-12);
        Pair<T> complement = fast_two_sum(T(1), -pred);
        T p = no ? T(1) : pred, q = yes ? T(1) : complement.hi, q_lo = yes ? T(0) : complement.lo;
        Pair<T> product = two_product(p, q);
        return {absolute_clamp_min(product.hi, least), product.hi > least ? fma(p, q_lo, product.lo) : T(0)};
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target) {
        bool no = target == T(0), yes = target == T(1);
        Pair<T> difference = two_sum(pred, -target);
        Pair<T> numerator = {no ? T(1) : (yes ? T(-1) : difference.hi), no || yes ? T(0) : difference.lo};
        return rounded(ratio(numerator, denominator(pred, no, yes)));
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

    // What counts for the two classes, each with its rounding error: 1 - t alone would lose digits of the smaller.
    template <class T>
    struct Targets {
        Pair<T> yes, no;
        NPFUSE_FORMULA Targets(T target, T pos_weight, T smoothing) {
            Pair<T> kept = fast_two_sum(T(1), -smoothing), complement = fast_two_sum(T(1), -target);
            T share = T(0.5) * smoothing;
            Pair<T> smoothed = drawn(Pair<T>{target, T(0)}, kept, share);
            yes = two_product(pos_weight, smoothed.hi);
            yes.lo = fma(pos_weight, smoothed.lo, yes.lo);
            no = drawn(complement, kept, share);
        }
        NPFUSE_FORMULA static Pair<T> drawn(Pair<T> part, Pair<T> kept, T share) {
            Pair<T> product = two_product(part.hi, kept.hi), sum = two_sum(product.hi, share);
            return {sum.hi, sum.lo + (product.lo + fma(part.hi, kept.lo, part.lo * kept.hi))};
        }
    };

    template <class T>
    NPFUSE_FORMULA static T value(T pred, T target, T pos_weight, T smoothing) {
        Targets<T> t(target, pos_weight, smoothing);
        T wrong = pred < T(0) ? t.yes.hi : t.no.hi;
        // 0 times infinity is a target that is met, not NaN.
        T distance = wrong == T(0) ? T(0) : absolute(pred);
        Decay<T> e(pred);
        T both = t.yes.hi + t.no.hi, bend = times(times(e.number, e.number), log1p_tail(e.number));
        return fma(wrong, distance, fma(times(both, e.scaled_up), ExpScale<T>::down, times(both, bend)));
    }

    template <class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T pos_weight, T smoothing) {
        Targets<T> t(target, pos_weight, smoothing);
        Decay<T> e(pred);
        bool below = pred < T(0);
        Pair<T> far = {below ? -t.yes.hi : t.no.hi, below ? -t.yes.lo : t.no.lo};
        Pair<T> near = {below ? t.no.hi : -t.yes.hi, below ? t.no.lo : -t.yes.lo};
        Pair<T> product = two_product(near.hi, e.scaled_up);
        Pair<T> numerator = two_sum(far.hi, times(product.hi, ExpScale<T>::down));
        T rest = fma(near.lo, e.scaled_up, fma(near.hi, e.scaled_up_lo, product.lo));
        numerator.lo += fma(rest, ExpScale<T>::down, far.lo);
        return rounded(ratio_by_one_plus(numerator, e.number, T(1)));
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
            "The defaults are the paper's and torchvision's. Computed in twice the precision of the storage, because "
            "a power multiplies the error of its base.",
        .source = "Lin et al. (2017), Focal loss for dense object detection.",
        .example = ">>> round(nf.sigmoid_focal_loss(np.array([0.0, 3.0]), np.array([1, 1])), 9)\n0.02167451",
    };

    // The usual gamma needs no power.
    static int variant_for(const double* parameter_values) { return parameter_values[1] == 2; }

    // Whether nothing speaks against pred, however confident.
    template <class T>
    NPFUSE_FORMULA static bool is_met(T x, T target) {
        return target == (x < T(0) ? T(0) : T(1));
    }

    // u = right * share, share = far + near * e, where far is the weight of the class that a confident pred speaks
    // against and near that of the other; e = exp(-|pred|), right = 1 / (1 + e).
    template <class T>
    struct Parts {
        using Wide = DoubleWordOf<T>;
        Wide far, near, e, one_plus_e, right, share, cross_entropy, weight;

        NPFUSE_FORMULA Parts(T x, T target, T alpha) {
            using L = ExpScale<T>;
            Scaled<T> decay = exp_scaled(clamp_min(minus_absolute(x), L::lowest), L::bits);
            T power = decay.scale * L::down, rounded = decay.hi * power;
            Wide one = double_word(T(1)), yes = double_word(target), no = one - yes;
            far = choose(x < T(0), yes, no);
            near = choose(x < T(0), no, yes);
            e = double_word(Pair<T>{rounded, times(decay.lo, power)});
            one_plus_e = one + e;
            right = reciprocal(one_plus_e, T(1) / (T(1) + rounded));
            share = far + near * e;
            // 0 times infinity is a target that is met, not NaN.
            T distance = is_met(x, target) ? T(0) : clamp_max(absolute(x), Format<T>::largest);
            cross_entropy = far * double_word(distance) + double_word(log1p_of_decay(rounded));
            Wide balance = yes * double_word(alpha) + no * (one - double_word(alpha));
            weight = choose(alpha < T(0), one, balance);
        }
    };

    // u**gamma, by a logarithm that neither a tiny u nor a large gamma spoils.
    template <class T>
    NPFUSE_FORMULA static double power(Parts<float> p, T x, bool met, T gamma) {
        double log_share = met ? -wide(clamp_max(absolute(x), Format<T>::largest)) : relaxed_log(p.share);
        return exp(wide(gamma) * (log_share - relaxed_log(p.one_plus_e)));
    }
    template <class T>
    NPFUSE_FORMULA static DoubleWord power(Parts<double> p, T x, bool met, T gamma) {
        using L = ExpScale<double>;
        using C = Constants<double>;
        bool small = p.share.hi < L::down;  // scaled up, so that it is not subnormal
        double factor = small ? L::up : 1, lift = small ? -L::bits : 0;
        Pair<double> raised = log_pair<double>({p.share.hi * factor, p.share.lo * factor});
        DoubleWord log_share = DoubleWord{raised.hi, raised.lo} + DoubleWord{lift * C::ln2, lift * C::ln2_lo};
        Pair<double> log_sum = log_pair<double>({p.one_plus_e.hi, p.one_plus_e.lo});
        DoubleWord far = {met ? -clamp_max(absolute(x), Format<T>::largest) : log_share.hi, met ? 0 : log_share.lo};
        DoubleWord log = far - DoubleWord{log_sum.hi, log_sum.lo};
        DoubleWord exponent = double_word(gamma) * log;
        bool vanishes = gamma * log.hi < L::lowest;  // where the exponent itself may have overflowed
        Scaled<double> e =
            exp_scaled(Pair<double>{vanishes ? L::lowest : exponent.hi, vanishes ? 0 : exponent.lo}, L::bits);
        return {e.hi * e.scale * L::down, e.lo * e.scale * L::down};
    }

    template <bool squared, class T>
    NPFUSE_FORMULA static double value(T pred, T target, T alpha, T gamma) {
        Parts<T> p(pred, target, alpha);
        [[maybe_unused]] bool met = is_met(pred, target);
        double loss;
        if constexpr (squared) {
            auto u = p.right * p.share;
            loss = nearest(u * p.cross_entropy * p.weight * u);
        } else {
            loss = nearest(power(p, pred, met, gamma) * p.cross_entropy * p.weight);
        }
        // What counts of the largest pred counts infinitely of an infinite one.
        bool is_infinite = absolute(pred) == Format<T>::infinity;
        return is_infinite && loss != 0 ? loss * Format<double>::infinity : loss;
    }

    template <bool squared, class T>
    NPFUSE_FORMULA static T gradient(T pred, T target, T alpha, T gamma) {
        Parts<T> p(pred, target, alpha);
        [[maybe_unused]] bool met = is_met(pred, target);
        auto rise = p.far - p.near * p.e, lean = p.far - p.near;
        auto bend = p.cross_entropy * lean;
        T slope;
        if constexpr (squared) {
            auto u = p.right * p.share;
            slope = T(nearest((rise * u + bend * (double_word(gamma) * p.e * p.right)) * p.right * p.weight * u));
        } else {
            // A share without a reciprocal makes a gradient that is as nothing, but must not make it NaN.
            constexpr T least = T(sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022);
            T ratio = T(1) / clamp_min(T(nearest(p.share)), least);
            auto part = choose(met, double_word(T(1)), p.e * reciprocal(p.share, ratio));
            auto discount = power(p, pred, met, gamma);
            slope = T(nearest((rise + bend * (double_word(gamma) * part)) * p.right * p.weight * discount));
            // A large gamma may have made the rest infinite, which that of a float does not in double.
            if constexpr (sizeof(T) == 8) slope = nearest(discount) == 0 ? T(0) : slope;
        }
        return pred < T(0) ? -slope : slope;
    }
};

NPFUSE_FORMULAS_END
