"""What the network can be made of, and each part in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse import _native, reference

Array = NDArray[Any]

ACTIVATIONS = tuple(_native.operations["activations"])

LOSSES = {
    "softmax_cross_entropy": "labels",
    **dict.fromkeys(
        (
            "mse_loss",
            "l1_loss",
            "huber_loss",
            "pseudo_huber_loss",
            "smooth_l1_loss",
            "log_cosh_loss",
            "quantile_loss",
            "sigmoid_cross_entropy",
            "sigmoid_focal_loss",
        ),
        "one-hot",
    ),
    **dict.fromkeys(("hinge_loss", "squared_hinge_loss", "logistic_loss"), "signs"),
}
"""How each is told the ten classes: "labels" 0..9, "one-hot" 0 and 1, "signs" ±1.

The others are not of scores: they take probabilities, their logarithms, rates or variances.
"""

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {"lr": 2e-3},
    "AdamW": {"lr": 2e-3},
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adagrad": {"lr": 0.05},
    "Adadelta": {"lr": 2.0},
    "RMSprop": {"lr": 1e-3},
    "Adamax": {"lr": 5e-3},
    "NAdam": {"lr": 2e-3},
    "RAdam": {"lr": 5e-3},
    "Yogi": {"lr": 5e-3},
    "AdaBelief": {"lr": 2e-3},
    "Lion": {"lr": 5e-4},
}
"""With arguments that suit the digits."""


def reference_activation(name: str) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]:
    """Return an activation, and its derivative given the gradient and the input, with the default parameters."""
    parameters = list(_native.activation_parameters[name].values())
    forward, backward = getattr(reference, name), getattr(reference, f"{name}_backward")

    def derivative(dy: Array, x: Array) -> Array:
        gradients = backward(dy, x, *parameters)
        by_input: Array = gradients[0] if isinstance(gradients, tuple) else gradients
        return by_input

    return lambda x: forward(x, *parameters), derivative


class ReferenceOptimizer:
    """The reference step of each array in turn, with the settings and the states that ours has."""

    def __init__(self, name: str, parameters: list[Array], options: dict[str, Any]) -> None:
        ours = getattr(nf, name)(parameters, **options)
        self.formula = getattr(reference, name.lower())
        self.settings = {**ours.groups[0], **options, "decoupled_weight_decay": name in ("AdamW", "Lion")}
        self.states = [dict(state) for state in ours.state]
        self.parameters = parameters
        self.steps = 0

    def step(self, gradients: list[Array]) -> None:
        """Update every parameter in place."""
        self.steps += 1
        for parameter, gradient, state in zip(self.parameters, gradients, self.states, strict=True):
            parameter[...] = reference.take_step(self.formula, parameter, gradient, state, self.steps, self.settings)


def encode(labels: Array, loss: str) -> Array:
    """Tell a loss the classes the way it wants them."""
    if LOSSES[loss] == "labels":
        return labels
    one_hot = np.eye(10, dtype=np.float32)[labels]
    return one_hot if LOSSES[loss] == "one-hot" else 2 * one_hot - 1
