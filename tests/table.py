"""One row per operation: what it computes, how closely, and where it is special. Every test reads it here.

Rows know mathematics only; the arrays, dtypes and calls are the tests' business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

import npfuse as nf
import reference_optimizers
from npfuse.bench import textbook

Formula = Callable[..., mpf]
Special = dict[float, float]

inf = float("inf")


@dataclass(frozen=True, eq=False)
class Activation:
    """An elementwise operation y = f(x, *parameters) and its derivative."""

    name: str
    formula: Formula
    """f, as the textbook has it, for mpmath: precision is raised until cancellation does no harm (tests/exact.py)."""
    derivative: Formula
    values: Special
    """f at the places worth naming, infinities among them. NaN gives NaN everywhere."""
    slopes: Special
    """f' likewise: corners, infinities."""
    parameters: tuple[tuple[float, ...], ...] = ((),)
    """The first are the defaults, in which `values` and `slopes` are stated; the others are worth trying."""
    forward_ulp: float = 1
    backward_ulp: float = 2
    slope_zero: Callable[..., float] | None = None
    """Where f' crosses zero, given the parameters: nearby its error is measured absolutely."""
    half_exceptions: int = 12
    """Of the 65,536 results of a half type, how many may be a tie in float32 that the truth would have decided."""


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mpmath.exp(-x))


def normal_distribution(x: mpf) -> mpf:
    if abs(x) > 10_000:  # beyond any float; mpmath's erfc gives up
        return mpf(x > 0)
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def normal_density(x: mpf) -> mpf:
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def swish(x: mpf, beta: mpf) -> mpf:
    return x * sigmoid(beta * x)


def swish_slope(x: mpf, beta: mpf) -> mpf:
    return sigmoid(beta * x) * (1 + beta * x * sigmoid(-beta * x))


def softplus(x: mpf, beta: mpf | int = 1) -> mpf:
    return mpmath.log1p(mpmath.exp(beta * x)) / beta


def mish_slope(x: mpf) -> mpf:
    return mpmath.tanh(softplus(x)) + x * mpmath.sech(softplus(x)) ** 2 * sigmoid(x)


ACTIVATIONS = [
    Activation(
        "relu",
        formula=lambda x: max(x, mpf(0)),
        derivative=lambda x: mpf(x > 0),
        values={-inf: 0, -1: 0, 0: 0, 1e-6: 1e-6, inf: inf},
        slopes={-inf: 0, -1e-6: 0, 0: 0, 1e-6: 1, inf: 1},
        forward_ulp=0,
        backward_ulp=0,
    ),
    Activation(
        "sigmoid",
        formula=sigmoid,
        derivative=lambda x: sigmoid(x) * sigmoid(-x),
        values={-inf: 0, 0: 0.5, inf: 1},
        slopes={-inf: 0, 0: 0.25, inf: 0},
    ),
    Activation(
        "tanh",
        formula=mpmath.tanh,
        derivative=lambda x: mpmath.sech(x) ** 2,
        values={-inf: -1, 0: 0, inf: 1},
        slopes={-inf: 0, 0: 1, inf: 0},
    ),
    Activation(
        "silu",
        formula=lambda x: swish(x, mpf(1)),
        derivative=lambda x: swish_slope(x, mpf(1)),
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        slope_zero=lambda: -1.2784645,
    ),
    Activation(
        "gelu",
        formula=lambda x: x * normal_distribution(x),
        derivative=lambda x: normal_distribution(x) + x * normal_density(x),
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        slope_zero=lambda: -0.7517916,
    ),
]


@dataclass(frozen=True, eq=False)
class Kernel:
    """One direction of an activation with one choice of parameters: the unit that most tests run on."""

    activation: Activation
    backward: bool
    parameters: tuple[float, ...]

    @property
    def name(self) -> str:
        return self.activation.name + ("_backward" if self.backward else "")

    @property
    def label(self) -> str:
        return self.name + (f"{self.parameters}" if self.parameters else "")

    @property
    def function(self) -> Callable[..., np.ndarray]:
        """The library's own, as the user calls it."""
        return getattr(nf, self.name)

    @property
    def textbook(self) -> Callable[..., np.ndarray]:
        return getattr(textbook, self.name)

    @property
    def formula(self) -> Formula:
        return self.activation.derivative if self.backward else self.activation.formula

    @property
    def special_values(self) -> Special:
        return self.activation.slopes if self.backward else self.activation.values

    @property
    def ulp(self) -> float:
        return self.activation.backward_ulp if self.backward else self.activation.forward_ulp

    def operands(self, x: np.ndarray, dy: float | np.ndarray = 1) -> tuple:
        """What the library's function is given; `dy` only counts for a derivative."""
        first = (np.full_like(x, dy),) if self.backward else ()
        return (*first, x, *(x.dtype.type(parameter) for parameter in self.parameters))

    def __call__(self, x: np.ndarray, dy: float | np.ndarray = 1) -> np.ndarray:
        return self.function(*self.operands(x, dy))

    def near_zero_of_slope(self, x: np.ndarray) -> np.ndarray:
        """Where the result, a derivative about to change its sign, has its error measured absolutely."""
        if not self.backward or self.activation.slope_zero is None:
            return np.zeros(x.shape, bool)
        zero = self.activation.slope_zero(*self.parameters)
        return np.abs(x - zero) < abs(zero) / 2


def as_float32(parameters: tuple[float, ...]) -> tuple[float, ...]:
    """Round to numbers that every tested dtype has, so that all of them compute the same function."""
    return tuple(float(np.float32(parameter)) for parameter in parameters)


KERNELS = [
    Kernel(activation, backward, as_float32(parameters))
    for activation in ACTIVATIONS
    if hasattr(nf, activation.name)
    for parameters in activation.parameters
    for backward in (False, True)
]
DEFAULT_KERNELS = [kernel for kernel in KERNELS if kernel.parameters == as_float32(kernel.activation.parameters[0])]


# Optimizers


@dataclass(frozen=True)
class OptimizerRow:
    """An optimizer with one choice of options."""

    cls: type[nf.Optimizer]
    reference: Callable[..., Any]
    defaults: Mapping[str, Any]  # what the class must default to
    options: Mapping[str, Any] = field(default_factory=dict)
    torch: str | None = None  # the name of torch's class, where torch has this optimizer with these options
    implied: Mapping[str, Any] = field(default_factory=dict)  # what the class means without being told

    @property
    def settings(self) -> dict[str, Any]:
        return {**self.defaults, **self.implied, **self.options}

    def __str__(self) -> str:
        return "-".join([self.cls.__name__, *(f"{name}={value}" for name, value in self.options.items())])


def optimizer_rows(
    cls: type[nf.Optimizer],
    reference: Callable[..., Any],
    defaults: Mapping[str, Any],
    in_torch: list[Mapping[str, Any]],
    elsewhere: list[Mapping[str, Any]],
    implied: Mapping[str, Any] | None = None,
) -> list[OptimizerRow]:
    torch = cls.__name__
    return [OptimizerRow(cls, reference, defaults, options, torch, implied or {}) for options in in_torch] + [
        OptimizerRow(cls, reference, defaults, options, None, implied or {}) for options in elsewhere
    ]


OPTIMIZERS = [
    *optimizer_rows(
        nf.SGD,
        reference_optimizers.sgd,
        {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
        in_torch=[
            {},
            {"lr": 0.1, "maximize": True},
            {"lr": 0.1, "weight_decay": 0.01},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "maximize": True},
        ],
        elsewhere=[
            {"lr": 0.1, "momentum": 0.9, "velocity": True},
            {"lr": 0.1, "momentum": 0.9, "velocity": True, "nesterov": True},
        ],
    ),
    *optimizer_rows(
        nf.Adam,
        reference_optimizers.adam,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False},
        in_torch=[
            {},
            {"maximize": True, "lr": 0.1},
            {"weight_decay": 0.01},
            {"weight_decay": 0.01, "decoupled_weight_decay": True},
            {"amsgrad": True},
            {"amsgrad": True, "weight_decay": 0.01, "maximize": True, "betas": (0.5, 0.7), "eps": 1e-3},
        ],
        elsewhere=[
            {"eps_placement": "hat", "eps": 1e-3},
            {"eps_placement": "inside", "eps": 1e-3},
        ],
    ),
]
