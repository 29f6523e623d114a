"""Activations and gated units, and their derivatives with respect to the input.

Each `<name>_backward` multiplies the derivative by `dy`, the gradient of a loss with respect to the output. The
formulas are those of the literature: where one subtracts nearly equal numbers, as in the tails of gelu or in
y · (1 − y), its error is small in absolute terms, not relative to the result.
"""

import math
from typing import Any

import numpy as np

try:
    from scipy.special import erf
except ImportError:
    erf = np.vectorize(math.erf, otypes=[float])

where = np.where  # a name of this module, so that a compiler of scalar code can substitute its own

Array = Any
"""A NumPy array or a number, or an array of a library that implements NumPy's functions."""

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717
ROOT_HALF = math.sqrt(1 / 2)
ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)


def relu(x: Array) -> Array:
    """Return max(x, 0).

    Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
    """
    return np.maximum(x, 0)


def relu_backward(dy: Array, x: Array) -> Array:
    """Return dy for x > 0, otherwise 0."""
    return dy * (x > 0)


def relu6(x: Array) -> Array:
    """Return min(max(x, 0), 6).

    Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.
    """
    return np.minimum(np.maximum(x, 0), 6)


def relu6_backward(dy: Array, x: Array) -> Array:
    """Return dy for 0 < x < 6, otherwise 0."""
    return dy * ((x > 0) & (x < 6))


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """Return x for x > 0, otherwise negative_slope · x.

    Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models.
    """
    return where(x > 0, x, x * negative_slope)


def leaky_relu_backward(dy: Array, x: Array, negative_slope: float = 0.01) -> Array:
    """Return dy for x > 0, otherwise negative_slope · dy."""
    return where(x > 0, dy, dy * negative_slope)


def prelu(x: Array, slope: Array) -> Array:
    """Return x for x > 0, otherwise slope · x; the slope is learned.

    He et al. (2015), Delving deep into rectifiers.
    """
    return where(x > 0, x, x * slope)


def prelu_backward(dy: Array, x: Array, slope: Array) -> tuple[Array, Array]:
    """Return dy for x > 0, otherwise slope · dy; and the slope's gradient, the sum of dy · x over all x ≤ 0."""
    return where(x > 0, dy, dy * slope), np.sum(where(x > 0, 0, dy * x))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return x for x > 0, otherwise alpha · (exp(x) − 1).

    Clevert, Unterthiner and Hochreiter (2015), Fast and accurate deep network learning by exponential linear units.
    """
    return where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def elu_backward(dy: Array, x: Array, alpha: float = 1.0) -> Array:
    """Return dy for x > 0, otherwise dy · alpha · exp(x)."""
    return where(x > 0, dy, dy * alpha * np.exp(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """Return scale · elu(x, alpha), with the constants that keep mean 0 and variance 1 from layer to layer.

    Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-normalizing neural networks.
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_backward(dy: Array, x: Array) -> Array:
    """Return scale times the gradient of elu(x, alpha)."""
    return SELU_SCALE * elu_backward(dy, x, SELU_ALPHA)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """Return x for x > 0, otherwise alpha · (exp(x / alpha) − 1).

    Barron (2017), Continuously differentiable exponential linear units.
    """
    return where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def celu_backward(dy: Array, x: Array, alpha: float = 1.0) -> Array:
    """Return dy for x > 0, otherwise dy · exp(x / alpha)."""
    return where(x > 0, dy, dy * np.exp(np.minimum(x, 0) / alpha))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(−x)); NumPy warns of an overflow where the exponential is beyond the dtype, and it is 0.

    Verhulst (1845), Recherches mathematiques sur la loi d'accroissement de la population.
    """
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dy: Array, x: Array) -> Array:
    """Return dy · y · (1 − y), where y = sigmoid(x)."""
    y = sigmoid(x)
    return dy * y * (1 - y)


def log_sigmoid(x: Array) -> Array:
    """Return log(sigmoid(x)) = −softplus(−x).

    PyTorch, torch.nn.LogSigmoid.
    """
    return -softplus(-x)


def log_sigmoid_backward(dy: Array, x: Array) -> Array:
    """Return dy · sigmoid(−x)."""
    return dy * sigmoid(-x)


def tanh(x: Array) -> Array:
    """Return tanh(x).

    LeCun, Bottou, Orr and Mueller (1998), Efficient BackProp.
    """
    return np.tanh(x)


def tanh_backward(dy: Array, x: Array) -> Array:
    """Return dy · (1 − y²), where y = tanh(x)."""
    y = np.tanh(x)
    return dy * (1 - y * y)


def swish(x: Array, beta: float = 1.0) -> Array:
    """Return x · sigmoid(beta · x).

    Ramachandran, Zoph and Le (2017), Searching for activation functions.
    """
    return x * sigmoid(beta * x)


def swish_backward(dy: Array, x: Array, beta: float = 1.0) -> Array:
    """Return dy · s · (1 + beta · x · (1 − s)), where s = sigmoid(beta · x)."""
    s = sigmoid(beta * x)
    return dy * s * (1 + beta * x * (1 - s))


def silu(x: Array) -> Array:
    """Return x · sigmoid(x).

    Elfwing, Uchibe and Doya (2017), Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning.
    """
    return x * sigmoid(x)


def silu_backward(dy: Array, x: Array) -> Array:
    """Return dy · s · (1 + x · (1 − s)), where s = sigmoid(x)."""
    s = sigmoid(x)
    return dy * s * (1 + x * (1 - s))


def quick_gelu(x: Array) -> Array:
    """Return x · sigmoid(1.702 · x), an approximation of gelu.

    Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    return swish(x, 1.702)


def quick_gelu_backward(dy: Array, x: Array) -> Array:
    """Return the gradient of swish(x, 1.702)."""
    return swish_backward(dy, x, 1.702)


def gelu(x: Array) -> Array:
    """Return x · Φ(x), where Φ(x) = (1 + erf(x / √2)) / 2 is the normal distribution function.

    Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    return x * (1 + erf(x * ROOT_HALF)) / 2


def gelu_backward(dy: Array, x: Array) -> Array:
    """Return dy · (Φ(x) + x · φ(x)), with distribution Φ and density φ of the normal distribution."""
    distribution = (1 + erf(x * ROOT_HALF)) / 2
    density = np.exp(x * x / -2) * (ROOT_TWO_OVER_PI / 2)
    return dy * (distribution + x * density)


def gelu_tanh(x: Array) -> Array:
    """Return x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) / 2, an approximation of gelu.

    Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    return x * (1 + np.tanh(ROOT_TWO_OVER_PI * (x + 0.044715 * x * x * x))) / 2


def gelu_tanh_backward(dy: Array, x: Array) -> Array:
    """Return dy · (1 + t + x · (1 − t²) · u') / 2, where t = tanh(u) and u = √(2/π) · (x + 0.044715 · x³)."""
    t = np.tanh(ROOT_TWO_OVER_PI * (x + 0.044715 * x * x * x))
    inner = ROOT_TWO_OVER_PI * (1 + 3 * 0.044715 * x * x)
    return dy * (1 + t + x * (1 - t * t) * inner) / 2


def softplus(x: Array, beta: float = 1.0) -> Array:
    """Return log(1 + exp(beta · x)) / beta, computed as (max(beta · x, 0) + log1p(exp(−|beta · x|))) / beta.

    Dugas et al. (2000), Incorporating second-order functional knowledge for better option pricing.
    """
    return (np.maximum(beta * x, 0) + np.log1p(np.exp(-np.abs(beta * x)))) / beta


def softplus_backward(dy: Array, x: Array, beta: float = 1.0) -> Array:
    """Return dy · sigmoid(beta · x)."""
    return dy * sigmoid(beta * x)


def mish(x: Array) -> Array:
    """Return x · tanh(softplus(x)).

    Misra (2019), Mish: a self regularized non-monotonic activation function.
    """
    return x * np.tanh(softplus(x))


def mish_backward(dy: Array, x: Array) -> Array:
    """Return dy · (t + x · (1 − t²) · sigmoid(x)), where t = tanh(softplus(x))."""
    t = np.tanh(softplus(x))
    return dy * (t + x * (1 - t * t) * sigmoid(x))


def softsign(x: Array) -> Array:
    """Return x / (1 + |x|).

    Bergstra et al. (2009), Quadratic polynomials learn better image features.
    """
    return x / (1 + np.abs(x))


def softsign_backward(dy: Array, x: Array) -> Array:
    """Return dy / (1 + |x|)²."""
    return dy / np.square(1 + np.abs(x))


def hard_sigmoid(x: Array, alpha: float = 1 / 6, beta: float = 0.5) -> Array:
    """Return min(max(alpha · x + beta, 0), 1).

    Howard et al. (2019), Searching for MobileNetV3; ONNX, HardSigmoid.
    """
    return np.minimum(np.maximum(alpha * x + beta, 0), 1)


def hard_sigmoid_backward(dy: Array, x: Array, alpha: float = 1 / 6, beta: float = 0.5) -> Array:
    """Return alpha · dy for 0 < alpha · x + beta < 1, otherwise 0."""
    line = alpha * x + beta
    return where((line > 0) & (line < 1), alpha * dy, 0)


def hard_swish(x: Array) -> Array:
    """Return x · min(max(x + 3, 0), 6) / 6.

    Howard et al. (2019), Searching for MobileNetV3.
    """
    return x * np.minimum(np.maximum(x + 3, 0), 6) / 6


def hard_swish_backward(dy: Array, x: Array) -> Array:
    """Return dy · (x / 3 + 1/2) for −3 < x < 3, 0 below and dy above."""
    return dy * where(x <= -3, 0, where(x < 3, x / 3 + 0.5, 1))


def hard_tanh(x: Array, minimum: float = -1.0, maximum: float = 1.0) -> Array:
    """Return min(max(x, minimum), maximum).

    Collobert (2004), Large scale machine learning.
    """
    return np.minimum(np.maximum(x, minimum), maximum)


def hard_tanh_backward(dy: Array, x: Array, minimum: float = -1.0, maximum: float = 1.0) -> Array:
    """Return dy for minimum < x < maximum, otherwise 0."""
    return dy * ((x > minimum) & (x < maximum))


def hard_shrink(x: Array, lambd: float = 0.5) -> Array:
    """Return x for |x| > lambd, otherwise 0.

    Donoho and Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage.
    """
    return where(np.abs(x) > lambd, x, 0)


def hard_shrink_backward(dy: Array, x: Array, lambd: float = 0.5) -> Array:
    """Return dy for |x| > lambd, otherwise 0."""
    return dy * (np.abs(x) > lambd)


def soft_shrink(x: Array, lambd: float = 0.5) -> Array:
    """Return sign(x) · max(|x| − lambd, 0).

    Donoho (1995), De-noising by soft-thresholding.
    """
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


def soft_shrink_backward(dy: Array, x: Array, lambd: float = 0.5) -> Array:
    """Return dy for |x| > lambd, otherwise 0."""
    return dy * (np.abs(x) > lambd)


def tanh_shrink(x: Array) -> Array:
    """Return x − tanh(x).

    PyTorch, torch.nn.Tanhshrink.
    """
    return x - np.tanh(x)


def tanh_shrink_backward(dy: Array, x: Array) -> Array:
    """Return dy · tanh(x)²."""
    return dy * np.square(np.tanh(x))


def threshold(x: Array, threshold: float = 0.0, value: float = 0.0) -> Array:
    """Return x for x > threshold, otherwise value.

    PyTorch, torch.nn.Threshold.
    """
    return where(x > threshold, x, value)


def threshold_backward(dy: Array, x: Array, threshold: float = 0.0, value: float = 0.0) -> Array:
    """Return dy for x > threshold, otherwise 0."""
    return dy * (x > threshold)


def sigmoid_glu(gate: Array, x: Array) -> Array:
    """Return sigmoid(gate) · x.

    Dauphin et al. (2017), Language modeling with gated convolutional networks.
    """
    return sigmoid(gate) * x


def sigmoid_glu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Return dy · x · sigmoid'(gate) and dy · sigmoid(gate): the gradients of gate and x."""
    return sigmoid_backward(dy * x, gate), dy * sigmoid(gate)


def swiglu(gate: Array, x: Array) -> Array:
    """Return silu(gate) · x.

    Shazeer (2020), GLU variants improve transformer.
    """
    return silu(gate) * x


def swiglu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Return dy · x · silu'(gate) and dy · silu(gate): the gradients of gate and x."""
    return silu_backward(dy * x, gate), dy * silu(gate)


def geglu(gate: Array, x: Array) -> Array:
    """Return gelu(gate) · x.

    Shazeer (2020), GLU variants improve transformer.
    """
    return gelu(gate) * x


def geglu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Return dy · x · gelu'(gate) and dy · gelu(gate): the gradients of gate and x."""
    return gelu_backward(dy * x, gate), dy * gelu(gate)


def reglu(gate: Array, x: Array) -> Array:
    """Return relu(gate) · x.

    Shazeer (2020), GLU variants improve transformer.
    """
    return relu(gate) * x


def reglu_backward(dy: Array, gate: Array, x: Array) -> tuple[Array, Array]:
    """Return dy · x · relu'(gate) and dy · relu(gate): the gradients of gate and x."""
    return relu_backward(dy * x, gate), dy * relu(gate)


def glu(x: Array) -> Array:
    """Return a · sigmoid(b), where a and b are the halves of x along its last axis.

    Dauphin et al. (2017), Language modeling with gated convolutional networks.
    """
    values, gate = np.split(x, 2, axis=-1)
    return sigmoid_glu(gate, values)


def glu_backward(dy: Array, x: Array) -> Array:
    """Return dy · sigmoid(b) and dy · a · sigmoid'(b), joined along the last axis."""
    values, gate = np.split(x, 2, axis=-1)
    return np.concatenate(sigmoid_glu_backward(dy, gate, values)[::-1], axis=-1)
