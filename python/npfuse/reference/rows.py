"""Softmax, its logarithm, the logarithm of a sum of exponentials and maxout, along an axis, and their derivatives.

The largest element of a row is subtracted before the exponential, so that nothing overflows; and its own exponential,
which is then 1, is left out of the sum whose logarithm is taken by log1p, so that nothing cancels.
"""

from typing import Any

import numpy as np

Array = Any
"""A NumPy array, or an array of a library that implements NumPy's functions."""


def _max_and_rest(x: Array, axis: int = -1) -> tuple[Array, Array]:
    """Return m = max(x) and sum(exp(x − m)) − 1, the sum over all elements but one that is m; both keep the axis.

    Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions.
    """
    m = x.max(axis=axis, keepdims=True)
    largest = x == m
    rest = (np.exp(x - m) - largest).sum(axis=axis, keepdims=True)
    return m, rest + (largest.sum(axis=axis, keepdims=True, dtype=x.dtype) - 1)


def softmax(x: Array, axis: int = -1) -> Array:
    """Return exp(x) / sum(exp(x)).

    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """Return y · (dy − sum(dy · y)), where y = softmax(x)."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def logsumexp(x: Array, axis: int = -1) -> Array:
    """Return log(sum(exp(x))) = m + log1p(sum(exp(x − m)) − 1), where m = max(x).

    Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions.
    """
    m, rest = _max_and_rest(x, axis)
    return np.where(np.isinf(m), m, m + np.log1p(rest)).squeeze(axis)


def logsumexp_backward(dy: Array, x: Array, axis: int = -1) -> Array:
    """Return dy · softmax(x)."""
    return np.expand_dims(dy, axis) * softmax(x, axis)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Return log(softmax(x)) = x − m − log1p(sum(exp(x − m)) − 1), where m = max(x).

    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.
    """
    m, rest = _max_and_rest(x, axis)
    return x - m - np.log1p(rest)


def log_softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """Return dy − exp(y) · sum(dy), where y = log_softmax(x)."""
    return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)


def maxout(x: Array, pieces: int, out: Array = None) -> Array:
    """Return the largest of every `pieces` neighbours along the last axis.

    Goodfellow et al. (2013), Maxout networks.
    """
    return x.reshape(*x.shape[:-1], -1, pieces).max(axis=-1, out=out)


def maxout_backward(dy: Array, index: Array, pieces: int) -> Array:
    """Return dy at the neighbour that was the largest, whose number among `pieces` is `index`, and 0 elsewhere."""
    largest = index[..., None] == np.arange(pieces)
    return (largest * dy[..., None]).reshape(*dy.shape[:-1], -1)
