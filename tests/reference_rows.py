"""softmax and its kin along the last axis as a reader of NumPy would write them, in longdouble; nothing cancels."""

import numpy as np


def parts(x):
    """Return each element's distance from the largest of its row, and the exponentials of all others together."""
    x = np.asarray(x).astype(np.longdouble)
    largest = x.max(-1, keepdims=True, initial=-np.inf)
    distance = np.where(np.isfinite(largest), x - largest, np.nan)  # no softmax of an infinite or an unknown largest
    others = np.exp(distance)
    if x.shape[-1]:
        np.put_along_axis(others, x.argmax(-1)[..., None], 0, axis=-1)
    return largest, distance, others.sum(-1, keepdims=True)


def softmax(x):
    _, distance, others = parts(x)
    return np.exp(distance) / (1 + others)


def log_softmax(x):
    _, distance, others = parts(x)
    return distance - np.log1p(others)


def logsumexp(x):
    largest, _, others = parts(x)
    return np.where(np.isinf(largest), largest, largest + np.log1p(others))[..., 0]


# The derivatives, and the sizes of what is subtracted in them.


def softmax_backward(dy, y):
    return y * (dy - (dy * y).sum(-1, keepdims=True)), y * (np.abs(dy) + np.abs(dy * y).sum(-1, keepdims=True))


def log_softmax_backward(dy, y):
    probabilities = np.exp(y)
    size = np.abs(dy) + probabilities * np.abs(dy).sum(-1, keepdims=True)
    return dy - probabilities * dy.sum(-1, keepdims=True), size


def logsumexp_backward(dy, x):
    gradient = dy[..., None] * softmax(x)
    return gradient, np.abs(gradient)
