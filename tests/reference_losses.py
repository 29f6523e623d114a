"""The losses as a reader of NumPy would write them, in float64 or longer; stable, since sums are compared to them."""

import numpy as np


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def l1_loss(pred, target):
    return np.abs(pred - target)


def mse_loss(pred, target):
    return (pred - target) ** 2


def huber_loss(pred, target, delta=1.0):
    r = np.abs(pred - target)
    return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2))


def smooth_l1_loss(pred, target, beta=1.0):
    return huber_loss(pred, target, beta) / beta


def pseudo_huber_loss(pred, target, delta=1.0):
    r = pred - target
    return r**2 / (1 + np.sqrt(1 + (r / delta) ** 2))


def log_cosh_loss(pred, target):
    r = np.abs(pred - target)
    return np.where(r < 1, np.log1p(2 * np.sinh(np.minimum(r, 1) / 2) ** 2), r + np.log1p(np.exp(-2 * r)) - np.log(2))


def quantile_loss(pred, target, q=0.5):
    return np.maximum(q * (target - pred), (1 - q) * (pred - target))


def hinge_loss(pred, target):
    return np.maximum(0, 1 - pred * target)


def squared_hinge_loss(pred, target):
    return hinge_loss(pred, target) ** 2


def logistic_loss(pred, target):
    return softplus(-pred * target)


def binary_cross_entropy(pred, target):
    with np.errstate(divide="ignore"):
        return -target * np.maximum(np.log(pred), -100) - (1 - target) * np.maximum(np.log1p(-pred), -100)


def sigmoid_cross_entropy(pred, target, pos_weight=1.0, label_smoothing=0.0):
    target = target * (1 - label_smoothing) + label_smoothing / 2
    return pos_weight * target * softplus(-pred) + (1 - target) * softplus(pred)


def sigmoid_focal_loss(pred, target, alpha=0.25, gamma=2.0):
    with np.errstate(over="ignore"):
        missing = target / (1 + np.exp(pred)) + (1 - target) / (1 + np.exp(-pred))
    weight = alpha * target + (1 - alpha) * (1 - target) if alpha >= 0 else 1.0
    return weight * missing**gamma * sigmoid_cross_entropy(pred, target)


def poisson_nll_loss(pred, target, eps=1e-8, log_input=True):
    return np.exp(pred) - target * pred if log_input else pred - target * np.log(pred + eps)


def gaussian_nll_loss(pred, target, var=1.0, eps=1e-6):
    var = np.maximum(var, eps)
    return (np.log(var) + (pred - target) ** 2 / var) / 2


def kl_div(pred, target, log_target=False):
    if log_target:
        return np.exp(target) * (target - pred)
    return target * (np.log(np.where(target > 0, target, 1)) - pred)


def softmax_cross_entropy(
    logits, target, *, axis=-1, weight=None, ignore_index=-100, label_smoothing=0.0, z_loss=0.0, reduction="mean"
):
    """Return value and gradient, in longdouble."""
    logits = np.moveaxis(np.asarray(logits).astype(np.longdouble), axis, -1)
    classes = logits.shape[-1]
    weight = np.ones(classes) if weight is None else np.asarray(weight)
    weight = weight.astype(np.longdouble)
    if np.issubdtype(np.asarray(target).dtype, np.integer):
        counts = target != ignore_index
        target = np.eye(classes, dtype=np.longdouble)[np.where(counts, target, 0)] * counts[..., None]
    else:
        counts = np.ones(logits.shape[:-1])
        target = np.moveaxis(np.asarray(target).astype(np.longdouble), axis, -1)
    divisor = (target * weight).sum() if reduction == "mean" else np.longdouble(1)
    scale = 1 / divisor if divisor else 0

    target = weight * (target * (1 - label_smoothing) + label_smoothing / classes * counts[..., None])
    total = target.sum(-1, keepdims=True)
    largest = logits.max(-1, keepdims=True)
    others = np.where(np.arange(classes) == logits.argmax(-1)[..., None], 0, np.exp(logits - largest))
    rest = others.sum(-1, keepdims=True)
    logsumexp = largest + np.log1p(rest)
    distance = np.where(target == 0, 0, target * (largest - logits)).sum(-1, keepdims=True)
    values = (distance + total * (np.log1p(rest) + z_loss * logsumexp**2))[..., 0]
    factor = total * (1 + 2 * z_loss * logsumexp)
    gradient = factor * np.exp(logits - largest) / (1 + rest) - target
    at_peak = (factor - target - target * rest) / (1 + rest)
    gradient = np.where(others == 0, np.where(logits == largest, at_peak, gradient), gradient)
    return values if reduction == "none" else values.sum() * scale, np.moveaxis(gradient * scale, -1, axis)
