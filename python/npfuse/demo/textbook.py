"""The network's parts as a textbook writes them in plain NumPy: what the kernels are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _sigmoid(x: Array) -> Array:
    y: Array = 1 / (1 + np.exp(-x))
    return y


def _gelu(x: Array) -> Array:
    y: Array = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi).astype(x.dtype) * (x + 0.044715 * x**3)))
    return y


def _gelu_derivative(x: Array) -> Array:
    root = np.sqrt(2 / np.pi).astype(x.dtype)
    t = np.tanh(root * (x + 0.044715 * x**3))
    slope: Array = 0.5 * (1 + t) + 0.5 * x * (1 - t**2) * root * (1 + 3 * 0.044715 * x**2)
    return slope


# Name: the function, its derivative with respect to its input.
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(x.dtype)),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * (1 - _sigmoid(x))),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "silu": (lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x)))),
    # NumPy has no erf; its users write the tanh form.
    "gelu": (_gelu, _gelu_derivative),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01).astype(x.dtype)),
    "elu": (lambda x: np.where(x > 0, x, np.exp(x) - 1), lambda x: np.where(x > 0, 1, np.exp(x))),
    "softplus": (lambda x: np.log(1 + np.exp(x)), _sigmoid),
    "mish": (
        lambda x: x * np.tanh(np.log(1 + np.exp(x))),
        lambda x: np.tanh(np.log(1 + np.exp(x))) + x * _sigmoid(x) * (1 - np.tanh(np.log(1 + np.exp(x))) ** 2),
    ),
}


def _softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    probabilities = np.exp(shifted)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    value = -np.log(probabilities[rows, labels]).mean()
    probabilities[rows, labels] -= 1
    return float(value), probabilities / len(labels)


def _mse_loss(outputs: Array, targets: Array) -> tuple[float, Array]:
    difference = outputs - targets
    return float((difference**2).mean()), 2 * difference / difference.size


def _l1_loss(outputs: Array, targets: Array) -> tuple[float, Array]:
    difference = outputs - targets
    return float(np.abs(difference).mean()), np.sign(difference) / difference.size


def _huber_loss(outputs: Array, targets: Array) -> tuple[float, Array]:
    difference = outputs - targets
    size = np.abs(difference)
    value = np.where(size <= 1, 0.5 * difference**2, size - 0.5).mean()
    return float(value), np.clip(difference, -1, 1) / difference.size


def _hinge_loss(outputs: Array, signs: Array) -> tuple[float, Array]:
    margin = 1 - outputs * signs
    return float(np.maximum(margin, 0).mean()), np.where(margin > 0, -signs, 0) / margin.size


def _squared_hinge_loss(outputs: Array, signs: Array) -> tuple[float, Array]:
    margin = np.maximum(1 - outputs * signs, 0)
    return float((margin**2).mean()), -2 * signs * margin / margin.size


def _sigmoid_cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    value = np.maximum(logits, 0) - logits * targets + np.log(1 + np.exp(-np.abs(logits)))
    return float(value.mean()), (_sigmoid(logits) - targets) / logits.size


def _logistic_loss(outputs: Array, signs: Array) -> tuple[float, Array]:
    value = np.log(1 + np.exp(-outputs * signs))
    return float(value.mean()), -signs * _sigmoid(-outputs * signs) / outputs.size


# Name: value and gradient of the mean, and how the ten classes are told: "labels" 0..9, "one-hot" 0 and 1, "signs" ±1.
LOSSES: dict[str, tuple[Callable[[Array, Array], tuple[float, Array]], str]] = {
    "softmax_cross_entropy": (_softmax_cross_entropy, "labels"),
    "mse_loss": (_mse_loss, "one-hot"),
    "l1_loss": (_l1_loss, "one-hot"),
    "huber_loss": (_huber_loss, "one-hot"),
    "sigmoid_cross_entropy": (_sigmoid_cross_entropy, "one-hot"),
    "hinge_loss": (_hinge_loss, "signs"),
    "squared_hinge_loss": (_squared_hinge_loss, "signs"),
    "logistic_loss": (_logistic_loss, "signs"),
}


class Optimizer:
    """A textbook optimizer: `update` is given one array, its gradient, its state and the number of the step."""

    def __init__(self, parameters: list[Array], update: Callable[[Array, Array, dict[str, Any], int], None]) -> None:
        self.parameters = parameters
        self.update = update
        self.states: list[dict[str, Any]] = [{} for _ in parameters]
        self.steps = 0

    def step(self, gradients: list[Array]) -> None:
        """Update every parameter in place."""
        self.steps += 1
        for parameter, gradient, state in zip(self.parameters, gradients, self.states, strict=True):
            self.update(parameter, gradient, state, self.steps)


def _sgd(p: Array, g: Array, state: dict[str, Any], t: int) -> None:
    v = state["v"] = 0.9 * state.get("v", 0) + g
    p -= 0.1 * v


def _adam(p: Array, g: Array, state: dict[str, Any], t: int) -> None:
    m = state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    v = state["v"] = 0.999 * state.get("v", 0) + 0.001 * g**2
    p -= 2e-3 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def _adamw(p: Array, g: Array, state: dict[str, Any], t: int) -> None:
    p *= 1 - 2e-3 * 0.01
    _adam(p, g, state, t)


def _adagrad(p: Array, g: Array, state: dict[str, Any], t: int) -> None:
    s = state["s"] = state.get("s", 0) + g**2
    p -= 0.05 * g / (np.sqrt(s) + 1e-10)


def _adadelta(p: Array, g: Array, state: dict[str, Any], t: int) -> None:
    v = state["v"] = 0.9 * state.get("v", 0) + 0.1 * g**2
    u = state.get("u", np.zeros_like(p))
    delta = np.sqrt(u + 1e-6) / np.sqrt(v + 1e-6) * g
    state["u"] = 0.9 * u + 0.1 * delta**2
    p -= delta


def _rmsprop(p: Array, g: Array, state: dict[str, Any], t: int) -> None:
    v = state["v"] = 0.99 * state.get("v", 0) + 0.01 * g**2
    p -= 1e-3 * g / (np.sqrt(v) + 1e-8)


# Name: the textbook update, and the arguments that make the library's optimizer the same.
OPTIMIZERS: dict[str, tuple[Callable[[Array, Array, dict[str, Any], int], None], dict[str, Any]]] = {
    "Adam": (_adam, {"lr": 2e-3}),
    "AdamW": (_adamw, {"lr": 2e-3, "weight_decay": 0.01}),
    "SGD": (_sgd, {"lr": 0.1, "momentum": 0.9}),
    "Adagrad": (_adagrad, {"lr": 0.05}),
    "Adadelta": (_adadelta, {"lr": 1.0}),
    "RMSprop": (_rmsprop, {"lr": 1e-3}),
}
