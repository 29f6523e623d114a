"""Losses, each with its derivative with respect to the prediction.

Every loss is called as the library's: ``loss(pred, target, *, weight=None, reduction="mean", **parameters)``,
``loss.value_and_grad(...)`` or ``loss.grad(...)``. The functions below are their formulas, which return values and
derivatives together, because the two have much in common.
"""

import math
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from npfuse.reference.activations import sigmoid
from npfuse.reference.rows import _max_and_rest

Array = Any
"""A NumPy array, or an array of a library that implements NumPy's functions."""

Terms = tuple[Array, Array]
"""For each element (each row of a `RowLoss`) the value, and for each element the derivative of its value."""


class Loss:
    """A loss of each element, summed or averaged over all elements."""

    def __init__(self, formula: Callable[..., Any]) -> None:
        """Take a function of prediction, target and parameters that returns `Terms`."""
        self.formula = formula
        update_wrapper(self, formula)

    def terms(self, pred: Array, target: Array, *, weight: Array = None, **parameters: Any) -> tuple[Array, Array, Any]:
        """Return weighted values and derivatives, and the number by which a mean divides their sums."""
        values, slopes = self.formula(pred, target, **parameters)
        if weight is not None:
            values, slopes = values * weight, slopes * weight
        return values, slopes, np.size(values)

    def value_and_grad(self, pred: Array, target: Array, *, reduction: str = "mean", **parameters: Any) -> Terms:
        """Return the value, for each element under "none", and the gradient with respect to the prediction."""
        values, slopes, divisor = self.terms(pred, target, **parameters)
        if reduction == "none":
            return values, slopes
        if reduction == "sum":
            return values.sum(), slopes
        scale = 1 / divisor if divisor else 0
        return values.sum() * scale, slopes * scale

    def grad(self, pred: Array, target: Array, **parameters: Any) -> Array:
        """Return the gradient with respect to the prediction."""
        return self.value_and_grad(pred, target, **parameters)[1]

    def __call__(self, pred: Array, target: Array, **parameters: Any) -> Array:
        """Return the value."""
        return self.value_and_grad(pred, target, **parameters)[0]


class RowLoss(Loss):
    """A loss of each row along an axis, weighted by class; its formula returns what `terms` does."""

    def terms(self, pred: Array, target: Array, **parameters: Any) -> tuple[Array, Array, Any]:
        """Return weighted values and derivatives, and the number by which a mean divides their sums."""
        values, slopes, divisor = self.formula(pred, target, **parameters)
        return values, slopes, divisor


@Loss
def l1_loss(pred: Array, target: Array) -> Terms:
    """Return |r| and sign(r), where r = pred − target.

    Boscovich (1757), De litteraria expeditione per pontificiam ditionem.
    """
    r = pred - target
    return np.abs(r), np.sign(r)


@Loss
def mse_loss(pred: Array, target: Array) -> Terms:
    """Return r² and 2r, where r = pred − target.

    Legendre (1805), Nouvelles méthodes pour la détermination des orbites des comètes.
    """
    r = pred - target
    return r * r, 2 * r


@Loss
def huber_loss(pred: Array, target: Array, delta: float = 1.0) -> Terms:
    """Return r² / 2 for |r| ≤ delta, otherwise delta · (|r| − delta / 2), and r clipped to ±delta; r = pred − target.

    Huber (1964), Robust estimation of a location parameter.
    """
    r = pred - target
    slope = np.clip(r, -delta, delta)
    return slope * (r - slope / 2), slope


@Loss
def smooth_l1_loss(pred: Array, target: Array, beta: float = 1.0) -> Terms:
    """Return huber_loss with delta = beta, divided by beta.

    Girshick (2015), Fast R-CNN.
    """
    value, slope = huber_loss.formula(pred, target, beta)
    return value / beta, slope / beta


@Loss
def pseudo_huber_loss(pred: Array, target: Array, delta: float = 1.0) -> Terms:
    """Return delta² · (s − 1) = r² / (1 + s), where s = √(1 + (r / delta)²) and r = pred − target; and r / s.

    Charbonnier et al. (1997), Deterministic edge-preserving regularization in computed imaging.
    """
    r = pred - target
    s = np.sqrt(1 + (r / delta) ** 2)
    return r * r / (1 + s), r / s


@Loss
def log_cosh_loss(pred: Array, target: Array) -> Terms:
    """Return log(cosh(r)) and tanh(r), where r = pred − target.

    The logarithm is −log1p(−tanh(r)²) / 2 near 0, where nothing cancels, and elsewhere
    |r| + log1p(exp(−2|r|)) − log(2), where nothing overflows.

    Green (1990), Bayesian reconstructions from emission tomography data using a modified EM algorithm.
    """
    r = pred - target
    size, slope = np.abs(r), np.tanh(r)
    near = np.log1p(-np.minimum(slope * slope, 0.75)) / -2
    return np.where(size < 1, near, size + np.log1p(np.exp(-2 * size)) - math.log(2)), slope


@Loss
def quantile_loss(pred: Array, target: Array, q: float = 0.5) -> Terms:
    """Return max(−q · r, (1 − q) · r) and its slope, where r = pred − target.

    Koenker and Bassett (1978), Regression quantiles.
    """
    r = pred - target
    return np.maximum(-q * r, (1 - q) * r), np.where(r > 0, 1 - q, np.where(r < 0, -q, 0)).astype(r.dtype)


@Loss
def hinge_loss(pred: Array, target: Array) -> Terms:
    """Return max(1 − pred · target, 0) and its derivative; targets are −1 and 1.

    Cortes and Vapnik (1995), Support-vector networks.
    """
    margin = 1 - pred * target
    return np.maximum(margin, 0), np.where(margin > 0, -target, 0)


@Loss
def squared_hinge_loss(pred: Array, target: Array) -> Terms:
    """Return m² and −2 · target · m, where m = max(1 − pred · target, 0); targets are −1 and 1.

    Lee and Mangasarian (2001), SSVM: A smooth support vector machine for classification.
    """
    margin = np.maximum(1 - pred * target, 0)
    return margin * margin, -2 * target * margin


@Loss
def logistic_loss(pred: Array, target: Array) -> Terms:
    """Return log(1 + exp(−pred · target)) and −target · sigmoid(−pred · target); targets are −1 and 1.

    Cox (1958), The regression analysis of binary sequences.
    """
    score = -pred * target
    return np.maximum(score, 0) + np.log1p(np.exp(-np.abs(score))), -target * sigmoid(score)


@Loss
def binary_cross_entropy(pred: Array, target: Array) -> Terms:
    """Return −t · log(p) − (1 − t) · log(1 − p) and (p − t) / (p · (1 − p)), for the probability p and the target t.

    As in PyTorch, logarithms are at least −100 and denominators at least 1e−12. For t = 0 and t = 1 the derivative is
    the simpler 1 / (1 − p) and −1 / p.

    Good (1952), Rational decisions.
    """
    value = -target * np.maximum(np.log(pred), -100) - (1 - target) * np.maximum(np.log1p(-pred), -100)
    numerator = np.where(target == 0, 1, np.where(target == 1, -1, pred - target))
    denominator = np.where(target == 0, 1 - pred, np.where(target == 1, pred, pred * (1 - pred)))
    return value, numerator / np.maximum(denominator, 1e-12)


def _entropy_of_logits(logit: Array, target: Array, pos_weight: Array = 1.0) -> Array:
    """Return pos_weight · target · softplus(−logit) + (1 − target) · softplus(logit)."""
    bend = np.log1p(np.exp(-np.abs(logit)))  # softplus(±x) = max(±x, 0) + log1p(exp(−|x|))
    return pos_weight * target * (np.maximum(-logit, 0) + bend) + (1 - target) * (np.maximum(logit, 0) + bend)


@Loss
def sigmoid_cross_entropy(pred: Array, target: Array, pos_weight: Array = 1.0, label_smoothing: float = 0.0) -> Terms:
    """Return binary cross-entropy of sigmoid(pred), and (1 − t) · sigmoid(pred) − pos_weight · t · sigmoid(−pred).

    The target t is smoothed first: t · (1 − label_smoothing) + label_smoothing / 2.

    Cox (1958), The regression analysis of binary sequences.
    """
    t = target * (1 - label_smoothing) + label_smoothing / 2
    return _entropy_of_logits(pred, t, pos_weight), (1 - t) * sigmoid(pred) - pos_weight * t * sigmoid(-pred)


@Loss
def sigmoid_focal_loss(pred: Array, target: Array, alpha: float = 0.25, gamma: float = 2.0) -> Terms:
    """Return w · m^gamma · h and its derivative, for binary cross-entropy h of sigmoid(pred).

    m = t · sigmoid(−pred) + (1 − t) · sigmoid(pred) is the probability that is missing from the target t, and
    w = alpha · t + (1 − alpha) · (1 − t), or 1 for a negative alpha.

    Lin et al. (2017), Focal loss for dense object detection.
    """
    p, complement = sigmoid(pred), sigmoid(-pred)
    w = alpha * target + (1 - alpha) * (1 - target) if alpha >= 0 else 1.0
    m = target * complement + (1 - target) * p
    h = _entropy_of_logits(pred, target)
    m_slope, h_slope = (1 - 2 * target) * p * complement, (1 - target) * p - target * complement
    return w * m**gamma * h, w * (m**gamma * h_slope + gamma * m ** (gamma - 1) * m_slope * h)


@Loss
def poisson_nll_loss(pred: Array, target: Array, eps: float = 1e-8, log_input: bool = True) -> Terms:
    """Return exp(pred) − target · pred, or without log_input pred − target · log(pred + eps), and the derivative.

    Nelder and Wedderburn (1972), Generalized linear models.
    """
    if not log_input:
        return pred - target * np.log(pred + eps), 1 - target / (pred + eps)
    rate = np.exp(pred)
    return rate - target * pred, rate - target


@Loss
def gaussian_nll_loss(pred: Array, target: Array, var: Array = 1.0, eps: float = 1e-6) -> Terms:
    """Return (log(v) + r² / v) / 2 and r / v, where v = max(var, eps) and r = pred − target.

    Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution.
    """
    var = np.maximum(var, eps)
    r = pred - target
    return (np.log(var) + r * r / var) / 2, r / var


@Loss
def kl_div(pred: Array, target: Array, log_target: bool = False) -> Terms:
    """Return t · (log(t) − pred) and −t, where pred is a logarithm; with log_target the target is log(t).

    Kullback and Leibler (1951), On information and sufficiency.
    """
    if log_target:
        return np.exp(target) * (target - pred), -np.exp(target)
    return target * (np.log(np.where(target > 0, target, 1)) - pred), -target


def _weighted_labels(labels: Array, dtype: Any, weight: Array, ignore_index: int) -> tuple[Array, Array, Any]:
    """Return labels that are valid indices and their weights, both with a last axis of length 1, and the divisor."""
    counts = labels != ignore_index
    labels = np.where(counts, labels, 0)[..., None]
    if weight is None:
        return labels, counts[..., None].astype(dtype), int(counts.sum())
    weights = weight.astype(dtype)[labels] * counts[..., None]
    return labels, weights, weights.sum()


def _weighted_probabilities(
    target: Array, classes: int, dtype: Any, weight: Array, ignore_index: int, smoothing: float
) -> tuple[Array, Array]:
    """Return smoothed probabilities of the classes, also where the target is labels, times weights, and the divisor."""
    counts = np.ones(target.shape[:-1])
    if np.issubdtype(target.dtype, np.integer):
        counts = target != ignore_index
        target = (np.arange(classes) == target[..., None]) & counts[..., None]
    target, counts = target.astype(dtype), counts.astype(dtype)
    w = np.ones(classes, dtype) if weight is None else weight.astype(dtype)
    divisor = counts.sum() if weight is None else (target * w).sum()
    return w * (target * (1 - smoothing) + smoothing / classes * counts[..., None]), divisor


@RowLoss
def softmax_cross_entropy(
    logits: Array,
    target: Array,
    axis: int = -1,
    weight: Array = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
) -> tuple[Array, Array, Any]:
    """Return sum(t · (l − x)) + T · z_loss · l² and T · (1 + 2 · z_loss · l) · softmax(x) − t; l = logsumexp(x).

    t is the weight of the class at the label and 0 elsewhere, or probabilities times the weights of classes, and
    T = sum(t). Smoothing replaces a probability p by p · (1 − label_smoothing) + label_smoothing / classes.

    With m = max(x) and s = sum(exp(x − m)), l = m + log(s), and the derivative where x is m is
    (T · (1 + 2 · z_loss · l) − t − t · (s − 1)) / s, in which nothing cancels.

    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs. Label smoothing: Szegedy
    et al. (2016). z-loss: Chowdhery et al. (2022), PaLM.
    """
    x, label = np.moveaxis(logits, axis, -1), None
    if not np.issubdtype(target.dtype, np.integer):
        target = np.moveaxis(target, axis, -1)
    elif label_smoothing == 0:
        label, t, divisor = _weighted_labels(target, x.dtype, weight, ignore_index)
    if label is None:
        t, divisor = _weighted_probabilities(target, x.shape[-1], x.dtype, weight, ignore_index, label_smoothing)

    m, rest = _max_and_rest(x)
    log_s, total = np.log1p(rest), t.sum(axis=-1, keepdims=True)
    factor = total * (1 + 2 * z_loss * (m + log_s))
    e = np.exp(x - m)
    # The elements that t is about: one of each row, or all.
    xt, et = (x, e) if label is None else (np.take_along_axis(array, label, -1) for array in (x, e))
    distance = np.where(t == 0, 0, t * (m - xt)).sum(axis=-1, keepdims=True)
    values = distance + total * (log_s + z_loss * (m + log_s) ** 2)
    gradient = np.where(xt == m, factor - t - t * rest, factor * et - t * (1 + rest)) / (1 + rest)
    if label is not None:
        e *= factor / (1 + rest)
        np.put_along_axis(e, label, gradient, -1)
        gradient = e
    return values[..., 0], np.moveaxis(gradient, -1, axis), divisor


@RowLoss
def nll_loss(
    log_probs: Array, target: Array, axis: int = -1, weight: Array = None, ignore_index: int = -100
) -> tuple[Array, Array, Any]:
    """Return −w · log_probs at the label, where w is the weight of its class, and −w there, 0 elsewhere.

    Fisher (1922), On the mathematical foundations of theoretical statistics.
    """
    x = np.moveaxis(log_probs, axis, -1)
    label, w, divisor = _weighted_labels(target, x.dtype, weight, ignore_index)
    gradient = np.zeros_like(x)
    np.put_along_axis(gradient, label, -w, -1)
    values = np.where(w == 0, 0, -w * np.take_along_axis(x, label, -1))
    return values[..., 0], np.moveaxis(gradient, -1, axis), divisor
