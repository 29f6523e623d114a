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
from npfuse.bench import textbook, textbook_optimizers

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
    elementwise_backward: bool = True
    """False where the derivative is no elementwise operation, because it sums to a parameter's shape."""
    half_exceptions: int = 12
    """Of the 65,536 results of a half type, how many may be a tie in float32 that the truth would have decided."""


BEYOND_ANY_FLOAT = 10_000
"""exp(-BEYOND_ANY_FLOAT) is 0 in every dtype; mpmath would spend its time on ever smaller numbers."""


def exp(x: mpf) -> mpf:
    return mpmath.exp(x) if x > -BEYOND_ANY_FLOAT else mpf(0)


def expm1(x: mpf) -> mpf:
    return mpmath.expm1(x) if x > -BEYOND_ANY_FLOAT else mpf(-1)


def sigmoid(x: mpf) -> mpf:
    return 1 / (1 + mpmath.exp(-x)) if abs(x) < BEYOND_ANY_FLOAT else mpf(x > 0)


def normal_distribution(x: mpf) -> mpf:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2 if abs(x) < BEYOND_ANY_FLOAT else mpf(x > 0)


def normal_density(x: mpf) -> mpf:
    return exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def clip(x: mpf, low: mpf | int, high: mpf | int) -> mpf:
    return min(max(x, mpf(low)), mpf(high))


def elu(x: mpf, alpha: mpf) -> mpf:
    return x if x > 0 else alpha * expm1(x)


def elu_slope(x: mpf, alpha: mpf) -> mpf:
    return mpf(1) if x > 0 else alpha * exp(x)


def swish(x: mpf, beta: mpf | int) -> mpf:
    return x * sigmoid(beta * x)


def swish_slope(x: mpf, beta: mpf | int) -> mpf:
    return sigmoid(beta * x) * (1 + beta * x * sigmoid(-beta * x))


def softplus(x: mpf, beta: mpf | int = 1) -> mpf:
    return mpmath.log1p(exp(beta * x)) / beta


def mish_slope(x: mpf) -> mpf:
    return mpmath.tanh(softplus(x)) + x * mpmath.sech(softplus(x)) ** 2 * sigmoid(x)


def gelu_tanh_argument(x: mpf) -> mpf:
    return mpmath.sqrt(2 / mpmath.pi) * (x + mpf("0.044715") * x**3)


def gelu_tanh_slope(x: mpf) -> mpf:
    # (1 + tanh(u)) / 2 is the sigmoid of 2u.
    gate = 2 * gelu_tanh_argument(x)
    gate_slope = 2 * mpmath.sqrt(2 / mpmath.pi) * (1 + 3 * mpf("0.044715") * x**2)
    return sigmoid(gate) * (1 + x * sigmoid(-gate) * gate_slope)


def selu(x: mpf) -> mpf:
    return mpf(SELU_SCALE) * elu(x, mpf(SELU_ALPHA))


def selu_slope(x: mpf) -> mpf:
    return mpf(SELU_SCALE) * elu_slope(x, mpf(SELU_ALPHA))


# Decimal, to be read with the precision in force.
SELU_SCALE = "1.0507009873554804934193349852946"
SELU_ALPHA = "1.6732632423543772848170429916717"
QUICK_GELU_BETA = "1.702"
SWISH_SLOPE_ZERO = -1.2784645427610738

ACTIVATIONS = [
    Activation(
        "sigmoid",
        formula=sigmoid,
        derivative=lambda x: sigmoid(x) * sigmoid(-x),
        values={-inf: 0, 0: 0.5, inf: 1},
        slopes={-inf: 0, 0: 0.25, inf: 0},
    ),
    Activation(
        "log_sigmoid",
        formula=lambda x: -softplus(-x),
        derivative=lambda x: sigmoid(-x),
        values={-inf: -inf, 0: -0.6931471805599453, inf: 0},
        slopes={-inf: 1, 0: 0.5, inf: 0},
    ),
    Activation(
        "tanh",
        formula=mpmath.tanh,
        derivative=lambda x: mpmath.sech(x) ** 2,
        values={-inf: -1, 0: 0, inf: 1},
        slopes={-inf: 0, 0: 1, inf: 0},
    ),
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
        "relu6",
        formula=lambda x: clip(x, 0, 6),
        derivative=lambda x: mpf(0 < x < 6),
        values={-inf: 0, 0: 0, 3: 3, 6: 6, inf: 6},
        slopes={-inf: 0, 0: 0, 3: 1, 6: 0, inf: 0},
        forward_ulp=0,
        backward_ulp=0,
    ),
    Activation(
        "leaky_relu",
        formula=lambda x, slope: x if x > 0 else slope * x,
        derivative=lambda x, slope: mpf(1) if x > 0 else slope,
        values={-inf: -inf, 0: 0, 2: 2, inf: inf},
        slopes={1e-6: 1, inf: 1},
        parameters=((0.01,), (0.25,), (0,), (-0.5,), (3,)),
        forward_ulp=0.5,
        backward_ulp=0,
    ),
    Activation(
        "prelu",
        formula=lambda x, slope: x if x > 0 else slope * x,
        derivative=lambda x, slope: mpf(1) if x > 0 else slope,
        values={-inf: -inf, -2: -0.5, 0: 0, 2: 2, inf: inf},
        slopes={-1: 0.25, 0: 0.25, 1: 1},
        parameters=((0.25,), (-0.5,)),
        forward_ulp=0.5,
        elementwise_backward=False,
    ),
    Activation(
        "threshold",
        formula=lambda x, limit, value: x if x > limit else value,
        derivative=lambda x, limit, value: mpf(x > limit),
        values={-inf: 0, 0: 0, 2: 2, inf: inf},
        slopes={-inf: 0, 0: 0, 1e-6: 1, inf: 1},
        parameters=((0, 0), (0.5, -7), (-1, 2)),
        forward_ulp=0,
        backward_ulp=0,
    ),
    Activation(
        "elu",
        formula=elu,
        derivative=elu_slope,
        values={-inf: -1, 0: 0, 2: 2, inf: inf},
        slopes={-inf: 0, 0: 1, 2: 1, inf: 1},
        parameters=((1,), (0.3,), (2.7,), (1e-3,), (100,), (0,)),
        half_exceptions=100,  # 100 * x, of which elu falls short by less than float32 tells, may itself be a tie
    ),
    Activation(
        "selu",
        formula=selu,
        derivative=selu_slope,
        values={-inf: -float(SELU_SCALE) * float(SELU_ALPHA), 0: 0, inf: inf},
        slopes={-inf: 0, 0: float(SELU_SCALE) * float(SELU_ALPHA), inf: float(SELU_SCALE)},
    ),
    Activation(
        "celu",
        formula=lambda x, alpha: x if x > 0 else alpha * expm1(x / alpha),
        derivative=lambda x, alpha: mpf(1) if x > 0 else exp(x / alpha),
        values={-inf: -1, 0: 0, 2: 2, inf: inf},
        slopes={-inf: 0, 0: 1, 2: 1, inf: 1},
        parameters=((1,), (0.3,), (2.7,), (1e-3,), (100,)),
    ),
    Activation(
        "silu",
        formula=lambda x: swish(x, 1),
        derivative=lambda x: swish_slope(x, 1),
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        slope_zero=lambda: SWISH_SLOPE_ZERO,
    ),
    Activation(
        "swish",
        formula=swish,
        derivative=swish_slope,
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        parameters=((1,), (0.3,), (2.7,), (-1.5,), (0,), (50,)),
        slope_zero=lambda beta: SWISH_SLOPE_ZERO / beta if beta else inf,
    ),
    Activation(
        "quick_gelu",
        formula=lambda x: swish(x, mpf(QUICK_GELU_BETA)),
        derivative=lambda x: swish_slope(x, mpf(QUICK_GELU_BETA)),
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        slope_zero=lambda: SWISH_SLOPE_ZERO / float(QUICK_GELU_BETA),
    ),
    Activation(
        "gelu",
        formula=lambda x: x * normal_distribution(x),
        derivative=lambda x: normal_distribution(x) + x * normal_density(x),
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        slope_zero=lambda: -0.7517915241,
    ),
    Activation(
        "gelu_tanh",
        formula=lambda x: x * sigmoid(2 * gelu_tanh_argument(x)),
        derivative=gelu_tanh_slope,
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        slope_zero=lambda: -0.7524614220710162,
    ),
    Activation(
        "mish",
        formula=lambda x: x * mpmath.tanh(softplus(x)),
        derivative=mish_slope,
        values={-inf: 0, 0: 0, inf: inf},
        slopes={-inf: 0, 0: 0.6, inf: 1},
        slope_zero=lambda: -1.1924312145154,
    ),
    Activation(
        "softplus",
        formula=softplus,
        derivative=lambda x, beta: sigmoid(beta * x),
        values={-inf: 0, 0: 0.6931471805599453, inf: inf},
        slopes={-inf: 0, 0: 0.5, inf: 1},
        parameters=((1,), (0.3,), (2.7,), (50,)),
    ),
    Activation(
        "softsign",
        formula=lambda x: x / (1 + abs(x)),
        derivative=lambda x: 1 / (1 + abs(x)) ** 2,
        values={-inf: -1, 0: 0, 1: 0.5, inf: 1},
        slopes={-inf: 0, 0: 1, 1: 0.25, inf: 0},
    ),
    Activation(
        "hard_sigmoid",
        formula=lambda x, alpha, beta: clip(alpha * x + beta, 0, 1),
        derivative=lambda x, alpha, beta: alpha if 0 < alpha * x + beta < 1 else mpf(0),
        values={-inf: 0, -4: 0, 0: 0.5, 4: 1, inf: 1},
        slopes={-inf: 0, -4: 0, 4: 0, inf: 0},
        parameters=((1 / 6, 0.5), (0.2, 0.5), (1, 0)),
        forward_ulp=0.5,
        backward_ulp=0,
    ),
    Activation(
        "hard_swish",
        formula=lambda x: x * clip(x + 3, 0, 6) / 6,
        derivative=lambda x: mpf(0) if x <= -3 else mpf(1) if x >= 3 else (2 * x + 3) / 6,
        values={-inf: 0, -3: 0, 0: 0, 3: 3, inf: inf},
        slopes={-inf: 0, -3: 0, 0: 0.5, 3: 1, inf: 1},
        slope_zero=lambda: -1.5,
    ),
    Activation(
        "hard_tanh",
        formula=clip,
        derivative=lambda x, low, high: mpf(low < x < high),
        values={-inf: -1, -1: -1, 0.5: 0.5, 1: 1, inf: 1},
        slopes={-inf: 0, -1: 0, 0.5: 1, 1: 0, inf: 0},
        parameters=((-1, 1), (0, 6), (-0.3, 0.7)),
        forward_ulp=0,
        backward_ulp=0,
    ),
    Activation(
        "hard_shrink",
        formula=lambda x, limit: x if abs(x) > limit else mpf(0),
        derivative=lambda x, limit: mpf(abs(x) > limit),
        values={-inf: -inf, -0.5: 0, 0: 0, 0.5: 0, 2: 2, inf: inf},
        slopes={-inf: 1, -0.5: 0, 0: 0, 0.5: 0, 2: 1, inf: 1},
        parameters=((0.5,), (0,), (1.7,)),
        forward_ulp=0,
        backward_ulp=0,
    ),
    Activation(
        "soft_shrink",
        formula=lambda x, limit: x - limit if x > limit else x + limit if x < -limit else mpf(0),
        derivative=lambda x, limit: mpf(abs(x) > limit),
        values={-inf: -inf, -0.5: 0, 0: 0, 0.5: 0, 2: 1.5, inf: inf},
        slopes={-inf: 1, -0.5: 0, 0: 0, 0.5: 0, 2: 1, inf: 1},
        parameters=((0.5,), (0,), (1.7,)),
        forward_ulp=0.5,
        backward_ulp=0,
    ),
    Activation(
        "tanh_shrink",
        formula=lambda x: x - mpmath.tanh(x),
        derivative=lambda x: mpmath.tanh(x) ** 2,
        values={-inf: -inf, 0: 0, inf: inf},
        slopes={-inf: 1, 0: 0, inf: 1},
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

    @property
    def zone_around_zero(self) -> tuple[float, float]:
        """Between which x the result, a derivative about to change its sign, has its error measured absolutely."""
        if not self.backward or self.activation.slope_zero is None:
            return inf, inf
        zero = self.activation.slope_zero(*self.parameters)
        return zero - abs(zero), zero + abs(zero)

    def near_zero_of_slope(self, x: np.ndarray) -> np.ndarray:
        low, high = self.zone_around_zero
        return (low < x) & (x < high)


def as_float32(parameters: tuple[float, ...]) -> tuple[float, ...]:
    """Round to numbers that every tested dtype has, so that all of them compute the same function."""
    return tuple(float(np.float32(parameter)) for parameter in parameters)


KERNELS = [
    Kernel(activation, backward, as_float32(parameters))
    for activation in ACTIVATIONS
    if hasattr(nf, activation.name)
    for parameters in activation.parameters
    for backward in (False, True)
    if activation.elementwise_backward or not backward
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
        textbook_optimizers.sgd,
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
        textbook_optimizers.adam,
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
    *optimizer_rows(
        nf.AdamW,
        textbook_optimizers.adam,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01},
        implied={"decoupled_weight_decay": True},
        in_torch=[{}, {"weight_decay": 0.3, "amsgrad": True, "lr": 0.1}],
        elsewhere=[{"weight_decay": 0.004, "eps": 1e-7, "eps_placement": "hat"}],
    ),
    *optimizer_rows(
        nf.Adagrad,
        textbook_optimizers.adagrad,
        {"lr": 1e-2, "lr_decay": 0.0, "eps": 1e-10, "weight_decay": 0.0},
        in_torch=[
            {},
            {"lr_decay": 0.1, "weight_decay": 0.01},
            {"initial_accumulator_value": 0.1, "eps": 1e-3, "maximize": True},
        ],
        elsewhere=[{"initial_accumulator_value": 0.1, "eps": 1e-3, "eps_placement": "inside"}],
    ),
    *optimizer_rows(
        nf.Adadelta,
        textbook_optimizers.adadelta,
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
        in_torch=[{}, {"weight_decay": 0.01}, {"lr": 0.001, "rho": 0.95, "eps": 1e-7, "maximize": True}],
        elsewhere=[],
    ),
    *optimizer_rows(
        nf.RMSprop,
        textbook_optimizers.rmsprop,
        {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0},
        in_torch=[
            {},
            {"weight_decay": 0.01, "maximize": True},
            {"centered": True},
            {"momentum": 0.9},
            {"momentum": 0.9, "centered": True, "weight_decay": 0.01, "alpha": 0.9},
        ],
        elsewhere=[
            {"alpha": 0.9, "eps": 1e-3, "eps_placement": "inside"},
            {"alpha": 0.9, "eps": 1e-3, "eps_placement": "inside", "centered": True},
            {"alpha": 0.9, "eps": 1e-7, "eps_placement": "inside", "momentum": 0.9, "velocity": True},
        ],
    ),
    *optimizer_rows(
        nf.Adamax,
        textbook_optimizers.adamax,
        {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
        in_torch=[{}, {"weight_decay": 0.01}, {"betas": (0.5, 0.7), "eps": 1e-3, "maximize": True}],
        elsewhere=[{"eps": 1e-3, "eps_placement": "outside"}],
    ),
    *optimizer_rows(
        nf.NAdam,
        textbook_optimizers.nadam,
        {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "momentum_decay": 4e-3, "weight_decay": 0.0},
        in_torch=[
            {},
            {"weight_decay": 0.01},
            {"weight_decay": 0.01, "decoupled_weight_decay": True},
            {"momentum_decay": 1.0, "betas": (0.5, 0.7), "eps": 1e-3, "maximize": True},
        ],
        elsewhere=[],
    ),
    *optimizer_rows(
        nf.RAdam,
        textbook_optimizers.radam,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
        in_torch=[
            {},
            {"weight_decay": 0.01},
            {"weight_decay": 0.01, "decoupled_weight_decay": True},
            {"betas": (0.5, 0.7), "eps": 1e-3, "maximize": True},
        ],
        elsewhere=[],
    ),
    *optimizer_rows(
        nf.Yogi,
        textbook_optimizers.yogi,
        {"lr": 1e-2, "betas": (0.9, 0.999), "eps": 1e-3, "weight_decay": 0.0},
        in_torch=[],
        elsewhere=[{}, {"weight_decay": 0.01}, {"betas": (0.5, 0.7), "maximize": True, "initial_accumulator": 0.1}],
    ),
    *optimizer_rows(
        nf.AdaBelief,
        textbook_optimizers.adabelief,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-16, "weight_decay": 0.0},
        in_torch=[],
        elsewhere=[{}, {"weight_decay": 0.01, "decoupled_weight_decay": True}, {"weight_decay": 0.01, "eps": 1e-8}],
    ),
    *optimizer_rows(
        nf.Lion,
        textbook_optimizers.lion,
        {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0},
        implied={"decoupled_weight_decay": True},
        in_torch=[],
        elsewhere=[{}, {"weight_decay": 0.01, "lr": 1e-3}, {"weight_decay": 0.01, "decoupled_weight_decay": False}],
    ),
]


@dataclass(frozen=True, eq=False)
class Gated:
    """A product activation(gate) * x with two gradients."""

    name: str
    activation: str
    forward_ulp: float = 2
    backward_ulp: float = 3


GATED = [
    Gated("sigmoid_glu", "sigmoid"),
    Gated("swiglu", "silu"),
    Gated("geglu", "gelu"),
    Gated("reglu", "relu"),
]


def softmax(x: list[mpf]) -> list[mpf]:
    exponentials = [mpmath.exp(number) for number in x]
    total = mpmath.fsum(exponentials)
    return [number / total for number in exponentials]


def logsumexp(x: list[mpf]) -> list[mpf]:
    return [mpmath.log(mpmath.fsum(mpmath.exp(number) for number in x))]


def log_softmax(x: list[mpf]) -> list[mpf]:
    (total,) = logsumexp(x)
    return [number - total for number in x]


@dataclass(frozen=True, eq=False)
class RowOperation:
    """A function of a row of numbers, to another row or to one number."""

    name: str
    formula: Callable[[list[mpf]], list[mpf]]
    ulp: float
    float64_ulp: float
    """More than float32 has: the sum is carried in float64 for both."""
    beside_largest_input: bool = False
    """Where the result may be a small difference of large numbers, its error is measured beside those."""
    reduces: bool = False
    backward_from_output: bool = True


ROWS = [
    RowOperation("softmax", softmax, ulp=2, float64_ulp=3),
    RowOperation("log_softmax", log_softmax, ulp=1, float64_ulp=2),
    RowOperation(
        "logsumexp",
        logsumexp,
        ulp=1,
        float64_ulp=2,
        beside_largest_input=True,
        reduces=True,
        backward_from_output=False,
    ),
]
