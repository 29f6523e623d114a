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


def sigmoid(x):
    with np.errstate(over="ignore"):
        return np.exp(-softplus(-x))


# The derivatives by pred. Where a value or a derivative is a difference, its rounding error is relative to the sizes of
# what is subtracted: VALUE_SIZES and SLOPE_SIZES.


def binary_cross_entropy_slope(pred, target):
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (pred - target) / np.maximum(pred * (1 - pred), 1e-12)
        at_one = -1 / np.maximum(pred, 1e-12)
        at_zero = 1 / np.maximum(1 - pred, 1e-12)
    return np.where(target == 0, at_zero, np.where(target == 1, at_one, between))


def binary_cross_entropy_slope_size(pred, target):
    certain = (target == 0) | (target == 1)
    sizes = (pred + target) / np.maximum(pred * (1 - pred), 1e-12)
    return np.where(certain, np.abs(binary_cross_entropy_slope(pred, target)), sizes)


def sigmoid_cross_entropy_slope(pred, target, pos_weight=1.0, label_smoothing=0.0, sign=-1):
    target = target * (1 - label_smoothing) + label_smoothing / 2
    return (1 - target) * sigmoid(pred) + sign * pos_weight * target * sigmoid(-pred)


def sigmoid_focal_loss_slope(pred, target, alpha=0.25, gamma=2.0, size=np.positive):
    weight = alpha * target + (1 - alpha) * (1 - target) if alpha >= 0 else 1.0
    missing = target * sigmoid(-pred) + (1 - target) * sigmoid(pred)
    density = (1 - 2 * target) * sigmoid(pred) * sigmoid(-pred)
    entropy = sigmoid_cross_entropy(pred, target)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [(1 - target) * sigmoid(pred), -target * sigmoid(-pred), gamma * entropy * density / missing]
    return sum(weight * missing**gamma * size(part) for part in parts)


def poisson_nll_loss_size(pred, target, eps=1e-8, log_input=True):
    if log_input:
        return np.exp(pred) + np.abs(target * pred)
    return np.abs(pred) + np.abs(target * np.log(pred + eps))


def kl_div_size(pred, target, log_target=False):
    if log_target:
        return np.exp(target) * (np.abs(target) + np.abs(pred))
    return target * (np.abs(np.log(np.where(target > 0, target, 1))) + np.abs(pred))


SLOPES = {
    "l1_loss": lambda p, t: np.sign(p - t),
    "mse_loss": lambda p, t: 2 * (p - t),
    "huber_loss": lambda p, t, delta=1.0: np.clip(p - t, -delta, delta),
    "smooth_l1_loss": lambda p, t, beta=1.0: np.clip(p - t, -beta, beta) / beta,
    "pseudo_huber_loss": lambda p, t, delta=1.0: (p - t) / np.sqrt(1 + ((p - t) / delta) ** 2),
    "log_cosh_loss": lambda p, t: np.tanh(p - t),
    "quantile_loss": lambda p, t, q=0.5: np.where(p > t, 1 - q, np.where(p < t, -q, 0)),
    "hinge_loss": lambda p, t: np.where(p * t < 1, -t, 0),
    "squared_hinge_loss": lambda p, t: -2 * t * hinge_loss(p, t),
    "logistic_loss": lambda p, t: -t * sigmoid(-p * t),
    "binary_cross_entropy": binary_cross_entropy_slope,
    "sigmoid_cross_entropy": sigmoid_cross_entropy_slope,
    "sigmoid_focal_loss": sigmoid_focal_loss_slope,
    "poisson_nll_loss": lambda p, t, eps=1e-8, log_input=True: np.exp(p) - t if log_input else 1 - t / (p + eps),
    "gaussian_nll_loss": lambda p, t, var=1.0, eps=1e-6: (p - t) / np.maximum(var, eps),
    "kl_div": lambda p, t, log_target=False: -np.exp(t) if log_target else -t,
}
VALUE_SIZES = {
    "poisson_nll_loss": poisson_nll_loss_size,
    "gaussian_nll_loss": lambda p, t, var=1.0, eps=1e-6: (
        (np.abs(np.log(np.maximum(var, eps))) + (p - t) ** 2 / np.maximum(var, eps)) / 2
    ),
    "kl_div": kl_div_size,
}
SLOPE_SIZES = {
    "binary_cross_entropy": binary_cross_entropy_slope_size,
    "sigmoid_cross_entropy": lambda p, t, **options: sigmoid_cross_entropy_slope(p, t, **options, sign=1),
    "sigmoid_focal_loss": lambda p, t, **options: sigmoid_focal_loss_slope(p, t, **options, size=np.abs),
    "poisson_nll_loss": lambda p, t, eps=1e-8, log_input=True: np.exp(p) + t if log_input else 1 + t / (p + eps),
}


def softmax_cross_entropy(
    logits, target, *, axis=-1, weight=None, ignore_index=-100, label_smoothing=0.0, z_loss=0.0, reduction="mean"
):
    """Return value and gradient, in longdouble."""
    logits = np.moveaxis(np.asarray(logits).astype(np.longdouble), axis, -1)
    classes = logits.shape[-1]
    unweighted = weight is None
    weight = np.ones(classes) if unweighted else np.asarray(weight)
    weight = weight.astype(np.longdouble)
    if np.issubdtype(np.asarray(target).dtype, np.integer):
        counts = target != ignore_index
        target = ((np.arange(classes) == target[..., None]) & counts[..., None]).astype(np.longdouble)
    else:
        counts = np.ones(logits.shape[:-1])
        target = np.moveaxis(np.asarray(target).astype(np.longdouble), axis, -1)
    divisor = counts.sum() if unweighted else (target * weight).sum()
    divisor = divisor if reduction == "mean" else np.longdouble(1)
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


def nll_loss(log_probs, target, *, axis=-1, weight=None, ignore_index=-100, reduction="mean"):
    """Return value and gradient, in longdouble."""
    log_probs = np.moveaxis(np.asarray(log_probs).astype(np.longdouble), axis, -1)
    classes = log_probs.shape[-1]
    counts = target != ignore_index
    weight = (np.ones(classes) if weight is None else np.asarray(weight)).astype(np.longdouble)
    chosen = ((np.arange(classes) == target[..., None]) & counts[..., None]) * weight
    values = -np.where(chosen == 0, 0, chosen * log_probs).sum(-1)
    divisor = chosen.sum() if reduction == "mean" else np.longdouble(1)
    scale = 1 / divisor if divisor else 0
    return values if reduction == "none" else values.sum() * scale, np.moveaxis(-chosen * scale, -1, axis)
