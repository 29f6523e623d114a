"""One row per elementwise loss: what it computes, how closely, and on what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import mpmath
import numpy as np
from mpmath import mpf

import npfuse as nf
from table.mathematics import Formula, sigmoid, softplus

Sampler = Callable[[np.random.Generator, int], np.ndarray]


def reals(random: np.random.Generator, n: int) -> np.ndarray:
    """Ordinary numbers, and numbers of every order of magnitude."""
    exponents = np.where(np.arange(n) % 2, random.uniform(-9, 9, n), 0)
    return random.normal(size=n) * 10.0**exponents


def scores(random: np.random.Generator, n: int) -> np.ndarray:
    """Numbers whose exponentials are of every order of magnitude, and a few beyond."""
    return random.normal(size=n) * np.choose(np.arange(n) % 3, [1, 30, 200])


def moderate(random: np.random.Generator, n: int) -> np.ndarray:
    return random.normal(size=n) * np.choose(np.arange(n) % 3, [1e-3, 1, 20])


def probabilities(random: np.random.Generator, n: int) -> np.ndarray:
    """Some of them within 1e-6 of 0 and 1, some of them 0 and 1."""
    near = 10.0 ** random.uniform(-6, 0, n)
    return np.choose(
        np.arange(n) % 7, [near, 1 - near, random.random(n), random.random(n), near, 0 * near, 0 * near + 1]
    )


def open_probabilities(random: np.random.Generator, n: int) -> np.ndarray:
    return np.clip(probabilities(random, n), 1e-6, 1 - 1e-6)


def log_probabilities(random: np.random.Generator, n: int) -> np.ndarray:
    return np.log(open_probabilities(random, n))


def signs(random: np.random.Generator, n: int) -> np.ndarray:
    return random.choice([-1.0, 1.0], n)


def counts(random: np.random.Generator, n: int) -> np.ndarray:
    return random.poisson(5, n).astype(float)


def log_rates(random: np.random.Generator, n: int) -> np.ndarray:
    """Rates too: positive, and with an exponential that float32 has."""
    return np.minimum(np.abs(moderate(random, n)) + 1e-3, 80)


def rates(random: np.random.Generator, n: int) -> np.ndarray:
    return random.exponential(5, n) + 1e-3


@dataclass(frozen=True, eq=False)
class Loss:
    """An elementwise loss f(pred, target, *operands, *parameters) and its derivative by pred, for mpmath."""

    name: str
    formula: Formula
    derivative: Formula
    predictions: Sampler = reals
    targets: Sampler = reals
    operands: Mapping[str, Sampler] = field(default_factory=dict)
    parameters: tuple[Mapping[str, float | bool], ...] = ({},)
    """Defaults first; every name in every choice, in the order of the formula's arguments."""
    value_terms: Formula | None = None
    """Where a value is a difference, the sum of the magnitudes: its error is measured against that."""
    slope_terms: Formula | None = None
    """Likewise where the derivative crosses zero."""
    value_ulp: float = 2
    """The bound of a single value: rounding the residual may take 1.4 of it already, where it is squared."""
    slope_ulp: float = 2
    """The bound of the derivative."""

    @property
    def function(self) -> nf.losses.Loss:
        return getattr(nf, self.name)

    @property
    def label(self) -> str:
        return self.name


def huber(p: mpf, t: mpf, delta: float) -> mpf:
    r = abs(p - t)
    return r * r / 2 if r <= delta else delta * (r - mpf(delta) / 2)


def huber_slope(p: mpf, t: mpf, delta: float) -> mpf:
    return min(max(p - t, mpf(-delta)), mpf(delta))


def pinball(p: mpf, t: mpf, q: float) -> mpf:
    return max(q * (t - p), (1 - mpf(q)) * (p - t))


def clamped_log(p: mpf) -> mpf:
    return max(mpmath.log(p), mpf(-100)) if p > 0 else mpf(-100)


def binary(p: mpf, t: mpf) -> mpf:
    return -t * clamped_log(p) - (1 - t) * clamped_log(1 - p)


def binary_slope(p: mpf, t: mpf) -> mpf:
    least = mpf(1e-12)
    if t == 0:
        return 1 / max(1 - p, least)
    if t == 1:
        return -1 / max(p, least)
    return (p - t) / max(p * (1 - p), least)


def logits(x: mpf, t: mpf, pos_weight: mpf, label_smoothing: float) -> mpf:
    t = t * (1 - mpf(label_smoothing)) + mpf(label_smoothing) / 2
    return pos_weight * t * softplus(-x) + (1 - t) * softplus(x)


def logits_slope(x: mpf, t: mpf, pos_weight: mpf, label_smoothing: float) -> mpf:
    t = t * (1 - mpf(label_smoothing)) + mpf(label_smoothing) / 2
    return (1 - t) * sigmoid(x) - pos_weight * t * sigmoid(-x)


def logits_slope_terms(x: mpf, t: mpf, pos_weight: mpf, label_smoothing: float) -> mpf:
    t = t * (1 - mpf(label_smoothing)) + mpf(label_smoothing) / 2
    return (1 - t) * sigmoid(x) + pos_weight * t * sigmoid(-x)


def focal_parts(x: mpf, t: mpf, alpha: float) -> tuple[mpf, mpf, mpf]:
    """Return the weight, the probability that is missing, and the cross-entropy."""
    weight = mpf(alpha) * t + (1 - mpf(alpha)) * (1 - t) if alpha >= 0 else mpf(1)
    return weight, t * sigmoid(-x) + (1 - t) * sigmoid(x), t * softplus(-x) + (1 - t) * softplus(x)


def focal(x: mpf, t: mpf, alpha: float, gamma: float) -> mpf:
    weight, missing, entropy = focal_parts(x, t, alpha)
    return weight * missing**gamma * entropy


def focal_slope_parts(x: mpf, t: mpf, alpha: float, gamma: float) -> list[mpf]:
    weight, missing, entropy = focal_parts(x, t, alpha)
    density = (1 - 2 * t) * sigmoid(x) * sigmoid(-x)
    rise, fall = (1 - t) * sigmoid(x), -t * sigmoid(-x)
    return [weight * missing**gamma * part for part in (rise, fall, gamma * entropy * density / missing)]


def focal_slope(*arguments: mpf) -> mpf:
    return mpmath.fsum(focal_slope_parts(*arguments))


def focal_slope_terms(*arguments: mpf) -> mpf:
    return mpmath.fsum(map(abs, focal_slope_parts(*arguments)))


def poisson(p: mpf, t: mpf, eps: float, log_input: bool) -> mpf:
    return mpmath.exp(p) - t * p if log_input else p - t * mpmath.log(p + mpf(eps))


def poisson_slope(p: mpf, t: mpf, eps: float, log_input: bool) -> mpf:
    return mpmath.exp(p) - t if log_input else 1 - t / (p + mpf(eps))


def poisson_terms(p: mpf, t: mpf, eps: float, log_input: bool) -> mpf:
    return mpmath.exp(p) + abs(t * p) if log_input else p + abs(t * mpmath.log(p + mpf(eps)))


def poisson_slope_terms(p: mpf, t: mpf, eps: float, log_input: bool) -> mpf:
    return mpmath.exp(p) + t if log_input else 1 + t / (p + mpf(eps))


def gaussian(p: mpf, t: mpf, var: mpf, eps: float) -> mpf:
    var = max(var, mpf(eps))
    return (mpmath.log(var) + (p - t) ** 2 / var) / 2


def gaussian_terms(p: mpf, t: mpf, var: mpf, eps: float) -> mpf:
    var = max(var, mpf(eps))
    return (abs(mpmath.log(var)) + (p - t) ** 2 / var) / 2


def divergence(p: mpf, t: mpf, log_target: bool) -> mpf:
    if log_target:
        return mpmath.exp(t) * (t - p)
    return t * (mpmath.log(t) - p) if t else mpf(0)


def divergence_terms(p: mpf, t: mpf, log_target: bool) -> mpf:
    if log_target:
        return mpmath.exp(t) * (abs(t) + abs(p))
    return t * (abs(mpmath.log(t)) + abs(p)) if t else mpf(0)


def pseudo_huber(p: mpf, t: mpf, delta: float) -> mpf:
    return delta**2 * (mpmath.sqrt(1 + ((p - t) / delta) ** 2) - 1)


LOSSES = [
    Loss("l1_loss", lambda p, t: abs(p - t), lambda p, t: mpmath.sign(p - t)),
    Loss("mse_loss", lambda p, t: (p - t) ** 2, lambda p, t: 2 * (p - t)),
    Loss("huber_loss", huber, huber_slope, parameters=({"delta": 1.0}, {"delta": 0.25}, {"delta": 1e3})),
    Loss(
        "smooth_l1_loss",
        lambda p, t, beta: huber(p, t, beta) / beta,
        lambda p, t, beta: huber_slope(p, t, beta) / beta,
        parameters=({"beta": 1.0}, {"beta": 0.375}),
        value_ulp=3,
    ),
    Loss(
        "pseudo_huber_loss",
        pseudo_huber,
        lambda p, t, delta: (p - t) / mpmath.sqrt(1 + ((p - t) / delta) ** 2),
        parameters=({"delta": 1.0}, {"delta": 0.375}, {"delta": 50.0}),
        value_ulp=4.5,
    ),
    Loss(
        "log_cosh_loss",
        lambda p, t: mpmath.log(mpmath.cosh(p - t)),
        lambda p, t: mpmath.tanh(p - t),
        moderate,
        moderate,
        value_ulp=3,
    ),
    Loss(
        "quantile_loss",
        pinball,
        lambda p, t, q: (1 - mpf(q)) if p > t else -mpf(q) if p < t else mpf(0),
        parameters=({"q": 0.5}, {"q": 0.875}, {"q": 0.0}),
    ),
    Loss("hinge_loss", lambda p, t: max(mpf(0), 1 - p * t), lambda p, t: -t if p * t < 1 else mpf(0), targets=signs),
    Loss(
        "squared_hinge_loss",
        lambda p, t: max(mpf(0), 1 - p * t) ** 2,
        lambda p, t: -2 * t * max(mpf(0), 1 - p * t),
        targets=signs,
    ),
    Loss("logistic_loss", lambda p, t: softplus(-p * t), lambda p, t: -t * sigmoid(-p * t), scores, signs),
    Loss(
        "binary_cross_entropy",
        binary,
        binary_slope,
        probabilities,
        probabilities,
        slope_terms=lambda p, t: abs(binary_slope(p, t)) if t in (0, 1) else (p + t) / max(p * (1 - p), mpf(1e-12)),
        value_ulp=2.5,
    ),
    Loss(
        "sigmoid_cross_entropy",
        logits,
        logits_slope,
        scores,
        probabilities,
        operands={"pos_weight": rates},
        parameters=({"label_smoothing": 0.0}, {"label_smoothing": 0.25}),
        slope_terms=logits_slope_terms,
        value_ulp=3.5,
    ),
    Loss(
        "sigmoid_focal_loss",
        focal,
        focal_slope,
        scores,
        probabilities,
        parameters=({"alpha": 0.25, "gamma": 2.0}, {"alpha": -1.0, "gamma": 0.5}, {"alpha": 0.5, "gamma": 0.0}),
        slope_terms=focal_slope_terms,
        value_ulp=2.5,
    ),
    Loss(
        "poisson_nll_loss",
        poisson,
        poisson_slope,
        log_rates,
        counts,
        parameters=({"eps": 1e-8, "log_input": True}, {"eps": 1e-8, "log_input": False}),
        value_terms=poisson_terms,
        slope_terms=poisson_slope_terms,
    ),
    Loss(
        "gaussian_nll_loss",
        gaussian,
        lambda p, t, var, eps: (p - t) / max(var, mpf(eps)),
        moderate,
        moderate,
        operands={"var": rates},
        parameters=({"eps": 1e-6},),
        value_terms=gaussian_terms,
        value_ulp=3,
    ),
    Loss(
        "kl_div",
        divergence,
        lambda p, t, log_target: -mpmath.exp(t) if log_target else -t,
        log_probabilities,
        open_probabilities,
        parameters=({"log_target": False}, {"log_target": True}),
        value_terms=divergence_terms,
        value_ulp=2.5,
    ),
]
