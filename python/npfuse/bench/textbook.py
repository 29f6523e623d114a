"""Every activation as a NumPy user writes it from the textbook: what the benchmark compares with and the tests read.

Plain formulas, right wherever nothing cancels or overflows. The derivatives are of a loss, given its gradient `dy`.
"""

import math
from typing import Any

import numpy as np

try:
    from scipy.special import erf
except ImportError:
    erf = np.vectorize(math.erf, otypes=[float])

where = np.where

Array = Any
"""A NumPy array; a single number where numba compiles these formulas."""

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717
ROOT_HALF = math.sqrt(1 / 2)
ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)


def relu(x: Array) -> Array:
    """Keep what is positive."""
    return np.maximum(x, 0)


def relu_backward(dy: Array, x: Array) -> Array:
    """Pass the gradient where the input was kept."""
    return dy * (x > 0)


def relu6(x: Array) -> Array:
    """Keep what is between 0 and 6."""
    return np.minimum(np.maximum(x, 0), 6)


def relu6_backward(dy: Array, x: Array) -> Array:
    """Pass the gradient where the input was kept."""
    return dy * ((x > 0) & (x < 6))


def leaky_relu(x: Array, negative_slope: float) -> Array:
    """Keep what is positive, scale down the rest."""
    return where(x > 0, x, x * negative_slope)


def leaky_relu_backward(dy: Array, x: Array, negative_slope: float) -> Array:
    """Scale the gradient as the input was."""
    return where(x > 0, dy, dy * negative_slope)


def prelu(x: Array, slope: Array) -> Array:
    """Scale down what is negative, by a slope that is learnt."""
    return where(x > 0, x, x * slope)


def prelu_backward(dy: Array, x: Array, slope: Array) -> tuple[Array, Array]:
    """Scale the gradient as the input was; sum the slope's own over everything."""
    return where(x > 0, dy, dy * slope), np.sum(where(x > 0, 0, dy * x))


def elu(x: Array, alpha: float) -> Array:
    """Bend what is negative towards -alpha."""
    return where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy: Array, x: Array, alpha: float) -> Array:
    """Differentiate the exponential part."""
    return where(x > 0, dy, dy * alpha * np.exp(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """Scale elu so that layers keep mean 0 and variance 1."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_backward(dy: Array, x: Array) -> Array:
    """Scale elu's gradient."""
    return SELU_SCALE * elu_backward(dy, x, SELU_ALPHA)


def celu(x: Array, alpha: float) -> Array:
    """Make elu smooth at 0 for every alpha."""
    return where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def celu_backward(dy: Array, x: Array, alpha: float) -> Array:
    """Differentiate the exponential part."""
    return where(x > 0, dy, dy * np.exp(np.minimum(x, 0) / alpha))


def sigmoid(x: Array) -> Array:
    """Squash to (0, 1)."""
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dy: Array, x: Array) -> Array:
    """Use that the derivative is y (1 - y)."""
    y = sigmoid(x)
    return dy * y * (1 - y)


def log_sigmoid(x: Array) -> Array:
    """Take the logarithm of the sigmoid."""
    return -softplus(-x, 1)


def log_sigmoid_backward(dy: Array, x: Array) -> Array:
    """Use that the derivative is the sigmoid of -x."""
    return dy * sigmoid(-x)


def tanh(x: Array) -> Array:
    """Squash to (-1, 1)."""
    return np.tanh(x)


def tanh_backward(dy: Array, x: Array) -> Array:
    """Use that the derivative is 1 - y²."""
    y = np.tanh(x)
    return dy * (1 - y * y)


def swish(x: Array, beta: float) -> Array:
    """Weigh by a sigmoid of adjustable steepness."""
    return x * sigmoid(beta * x)


def swish_backward(dy: Array, x: Array, beta: float) -> Array:
    """Differentiate the product."""
    s = sigmoid(beta * x)
    return dy * s * (1 + beta * x * (1 - s))


def silu(x: Array) -> Array:
    """Weigh by the sigmoid."""
    return x * sigmoid(x)


def silu_backward(dy: Array, x: Array) -> Array:
    """Differentiate the product."""
    s = sigmoid(x)
    return dy * s * (1 + x * (1 - s))


def quick_gelu(x: Array) -> Array:
    """Approximate gelu by a sigmoid."""
    return swish(x, 1.702)


def quick_gelu_backward(dy: Array, x: Array) -> Array:
    """Differentiate the product."""
    return swish_backward(dy, x, 1.702)


def gelu(x: Array) -> Array:
    """Weigh by the normal distribution."""
    return x * (1 + erf(x * ROOT_HALF)) / 2


def gelu_backward(dy: Array, x: Array) -> Array:
    """Differentiate the product: distribution and density of the normal law."""
    distribution = (1 + erf(x * ROOT_HALF)) / 2
    density = np.exp(x * x / -2) * (ROOT_TWO_OVER_PI / 2)
    return dy * (distribution + x * density)


def gelu_tanh(x: Array) -> Array:
    """Approximate gelu by a tanh."""
    return x * (1 + np.tanh(ROOT_TWO_OVER_PI * (x + 0.044715 * x * x * x))) / 2


def gelu_tanh_backward(dy: Array, x: Array) -> Array:
    """Differentiate the product."""
    t = np.tanh(ROOT_TWO_OVER_PI * (x + 0.044715 * x * x * x))
    inner = ROOT_TWO_OVER_PI * (1 + 3 * 0.044715 * x * x)
    return dy * (1 + t + x * (1 - t * t) * inner) / 2


def softplus(x: Array, beta: float) -> Array:
    """Round relu's corner off."""
    return (np.maximum(beta * x, 0) + np.log1p(np.exp(-np.abs(beta * x)))) / beta


def softplus_backward(dy: Array, x: Array, beta: float) -> Array:
    """Use that the derivative is the sigmoid."""
    return dy * sigmoid(beta * x)


def mish(x: Array) -> Array:
    """Weigh by the tanh of softplus."""
    return x * np.tanh(softplus(x, 1))


def mish_backward(dy: Array, x: Array) -> Array:
    """Differentiate the product."""
    t = np.tanh(softplus(x, 1))
    return dy * (t + x * (1 - t * t) * sigmoid(x))


def softsign(x: Array) -> Array:
    """Squash to (-1, 1) with heavy tails."""
    return x / (1 + np.abs(x))


def softsign_backward(dy: Array, x: Array) -> Array:
    """Differentiate the quotient."""
    return dy / np.square(1 + np.abs(x))


def hard_sigmoid(x: Array, alpha: float, beta: float) -> Array:
    """Replace the sigmoid by three straight lines."""
    return np.minimum(np.maximum(alpha * x + beta, 0), 1)


def hard_sigmoid_backward(dy: Array, x: Array, alpha: float, beta: float) -> Array:
    """Take the slope of the middle line."""
    line = alpha * x + beta
    return where((line > 0) & (line < 1), alpha * dy, 0)


def hard_swish(x: Array) -> Array:
    """Weigh by the hard sigmoid."""
    return x * np.minimum(np.maximum(x + 3, 0), 6) / 6


def hard_swish_backward(dy: Array, x: Array) -> Array:
    """Differentiate each of the three pieces."""
    return dy * where(x <= -3, 0, where(x < 3, x / 3 + 0.5, 1))


def hard_tanh(x: Array, minimum: float, maximum: float) -> Array:
    """Keep what is between the bounds."""
    return np.minimum(np.maximum(x, minimum), maximum)


def hard_tanh_backward(dy: Array, x: Array, minimum: float, maximum: float) -> Array:
    """Pass the gradient where the input was kept."""
    return dy * ((x > minimum) & (x < maximum))


def hard_shrink(x: Array, lambd: float) -> Array:
    """Drop what is small."""
    return where(np.abs(x) > lambd, x, 0)


def hard_shrink_backward(dy: Array, x: Array, lambd: float) -> Array:
    """Pass the gradient where the input was kept."""
    return dy * (np.abs(x) > lambd)


def soft_shrink(x: Array, lambd: float) -> Array:
    """Move towards 0, not past it."""
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


def soft_shrink_backward(dy: Array, x: Array, lambd: float) -> Array:
    """Pass the gradient where the input was kept."""
    return dy * (np.abs(x) > lambd)


def tanh_shrink(x: Array) -> Array:
    """Take away what tanh keeps."""
    return x - np.tanh(x)


def tanh_shrink_backward(dy: Array, x: Array) -> Array:
    """Use that the derivative is tanh²."""
    return dy * np.square(np.tanh(x))


def threshold(x: Array, threshold: float, value: float) -> Array:
    """Keep what is above the threshold, put a value for the rest."""
    return where(x > threshold, x, value)


def threshold_backward(dy: Array, x: Array, threshold: float, value: float) -> Array:
    """Pass the gradient where the input was kept."""
    return dy * (x > threshold)


def sigmoid_glu(gate: Array, x: Array) -> Array:
    """Let the sigmoid of the gate decide how much comes through."""
    return sigmoid(gate) * x


def sigmoid_glu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Differentiate the product."""
    return sigmoid_backward(dy * x, gate), dy * sigmoid(gate)


def swiglu(gate: Array, x: Array) -> Array:
    """Gate by silu."""
    return silu(gate) * x


def swiglu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Differentiate the product."""
    return silu_backward(dy * x, gate), dy * silu(gate)


def geglu(gate: Array, x: Array) -> Array:
    """Gate by gelu."""
    return gelu(gate) * x


def geglu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Differentiate the product."""
    return gelu_backward(dy * x, gate), dy * gelu(gate)


def reglu(gate: Array, x: Array) -> Array:
    """Gate by relu."""
    return relu(gate) * x


def reglu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Differentiate the product."""
    return relu_backward(dy * x, gate), dy * relu(gate)


def softmax(x: Array, axis: int = -1) -> Array:
    """Turn scores into probabilities."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """Take the mean gradient under the probabilities away."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def logsumexp(x: Array, axis: int = -1) -> Array:
    """Round the maximum off."""
    top = x.max(axis=axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=axis)) + top.squeeze(axis)


def logsumexp_backward(dy: Array, x: Array, axis: int = -1) -> Array:
    """Share the gradient out by the probabilities."""
    return np.expand_dims(dy, axis) * softmax(x, axis)


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Take the logarithm of softmax."""
    return x - np.expand_dims(logsumexp(x, axis), axis)


def log_softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """Take the total gradient away, as the probabilities share it."""
    return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)


def maxout(x: Array, pieces: int, out: Array = None) -> Array:
    """Let the largest of a few neighbours through."""
    return x.reshape(*x.shape[:-1], -1, pieces).max(axis=-1, out=out)


def maxout_backward(dy: Array, index: Array, pieces: int) -> Array:
    """Give the gradient to the neighbour that came through."""
    won = index[..., None] == np.arange(pieces)
    return (won * dy[..., None]).reshape(*dy.shape[:-1], -1)


def glu(x: Array) -> Array:
    """Let the second half of an array gate its first."""
    values, gate = np.split(x, 2, axis=-1)
    return sigmoid_glu(gate, values)


def glu_backward(dy: Array, x: Array) -> Array:
    """Differentiate by both halves."""
    values, gate = np.split(x, 2, axis=-1)
    return np.concatenate(sigmoid_glu_backward(dy, gate, values)[::-1], axis=-1)


def global_norm(arrays: list[Array]) -> Array:
    """Take the root of the sum of all squares."""
    return np.sqrt(sum(np.vdot(array, array) for array in arrays))
