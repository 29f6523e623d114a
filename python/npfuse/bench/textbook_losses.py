"""Every loss as a NumPy user writes it: for each element of the prediction its value and its slope.

Plain formulas, right wherever nothing cancels or overflows, that share what value and slope have in common.
"""

from typing import Any

import numpy as np

from npfuse.bench.textbook import log_softmax, sigmoid

Array = Any
"""A NumPy array, or a jax one where jax compiles these formulas."""

Both = tuple[Array, Array]


def softplus(x: Array) -> Array:
    """Round relu's corner off."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def l1_loss(pred: Array, target: Array) -> Both:
    """Take the distance."""
    r = pred - target
    return np.abs(r), np.sign(r)


def mse_loss(pred: Array, target: Array) -> Both:
    """Square the difference."""
    r = pred - target
    return r * r, 2 * r


def huber_loss(pred: Array, target: Array) -> Both:
    """Square small differences, take the distance of large ones."""
    r = pred - target
    slope = np.clip(r, -1, 1)
    return slope * (r - slope / 2), slope


def smooth_l1_loss(pred: Array, target: Array) -> Both:
    """Do as huber_loss, which differs only where its corner moves."""
    return huber_loss(pred, target)


def pseudo_huber_loss(pred: Array, target: Array) -> Both:
    """Turn smoothly from a parabola into a line."""
    r = pred - target
    root = np.sqrt(1 + r * r)
    return root - 1, r / root


def log_cosh_loss(pred: Array, target: Array) -> Both:
    """Take the logarithm of cosh, which does not overflow so written."""
    r = pred - target
    return softplus(-2 * r) + r - np.log(2), np.tanh(r)


def quantile_loss(pred: Array, target: Array) -> Both:
    """Weigh what is too small against what is too large: for the median, equally."""
    r = pred - target
    return np.maximum(0.5 * r, -0.5 * r), np.where(r > 0, 0.5, np.where(r < 0, -0.5, 0)).astype(r.dtype)


def hinge_loss(pred: Array, target: Array) -> Both:
    """Ask for a margin of 1."""
    margin = 1 - pred * target
    return np.maximum(margin, 0), np.where(margin > 0, -target, 0)


def squared_hinge_loss(pred: Array, target: Array) -> Both:
    """Ask for a margin of 1, more so the more of it is missing."""
    missing = np.maximum(1 - pred * target, 0)
    return missing * missing, -2 * target * missing


def logistic_loss(pred: Array, target: Array) -> Both:
    """Ask for a margin, smoothly."""
    return softplus(-pred * target), -target * sigmoid(-pred * target)


def binary_cross_entropy(pred: Array, target: Array) -> Both:
    """Take the logarithm of what is given to the right answer, clamped as torch does."""
    value = -target * np.maximum(np.log(pred), -100) - (1 - target) * np.maximum(np.log1p(-pred), -100)
    return value, (pred - target) / np.maximum(pred * (1 - pred), 1e-12)


def sigmoid_cross_entropy(pred: Array, target: Array) -> Both:
    """Take the same of logits."""
    return softplus(pred) - target * pred, sigmoid(pred) - target


def sigmoid_focal_loss(pred: Array, target: Array) -> Both:
    """Discount what is right already."""
    p = sigmoid(pred)
    missing = target * (1 - p) + (1 - target) * p
    weight = 0.25 * target + 0.75 * (1 - target)
    entropy = softplus(pred) - target * pred
    slope = weight * missing * (missing * (p - target) + 2 * entropy * (1 - 2 * target) * p * (1 - p))
    return weight * missing * missing * entropy, slope


def poisson_nll_loss(pred: Array, target: Array) -> Both:
    """Take the likelihood of a count, given the logarithm of its rate."""
    rate = np.exp(pred)
    return rate - target * pred, rate - target


def gaussian_nll_loss(pred: Array, target: Array, var: Array) -> Both:
    """Take the likelihood of a number, given its mean and variance."""
    var = np.maximum(var, 1e-6)
    r = pred - target
    slope = r / var
    return (np.log(var) + r * slope) / 2, slope


def kl_div(pred: Array, target: Array) -> Both:
    """Measure how far log-probabilities are from probabilities."""
    return target * (np.log(target) - pred), -target


def softmax_cross_entropy(logits: Array, labels: Array) -> Both:
    """Take the logarithm of what softmax gives to the right labels: a value for each row."""
    rows = np.arange(len(labels))
    log_probabilities = log_softmax(logits)
    slope = np.exp(log_probabilities)
    slope[rows, labels] -= 1
    return -log_probabilities[rows, labels], slope


def nll_loss(log_probabilities: Array, labels: Array) -> Both:
    """Take the logarithms that are given to the right labels: a value for each row."""
    rows = np.arange(len(labels))
    slope = np.zeros_like(log_probabilities)
    slope[rows, labels] = -1
    return -log_probabilities[rows, labels], slope
