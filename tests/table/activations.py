"""One row per activation: what it computes, how closely, and where it is special."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath
from mpmath import mpf

from table.mathematics import Formula, exp, expm1, normal_density, normal_distribution, sigmoid, softplus

Special = dict[float, float]

inf = float("inf")


@dataclass(frozen=True, eq=False)
class Activation:
    """An elementwise operation y = f(x, *parameters) and its derivative."""

    name: str
    formula: Formula
    """f, for mpmath: precision is raised until cancellation does no harm (tests/exact.py)."""
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

    @property
    def crosses_the_origin(self) -> bool:
        return self.values.get(0) == 0 and self.slopes.get(0) != 0


def clip(x: mpf, low: mpf | int, high: mpf | int) -> mpf:
    return min(max(x, mpf(low)), mpf(high))


def elu(x: mpf, alpha: mpf) -> mpf:
    return x if x > 0 else alpha * expm1(x) if alpha else alpha


def elu_slope(x: mpf, alpha: mpf) -> mpf:
    return mpf(1) if x > 0 else alpha * exp(x) if alpha else alpha


def swish(x: mpf, beta: mpf | int) -> mpf:
    return x * sigmoid(beta * x)


def swish_slope(x: mpf, beta: mpf | int) -> mpf:
    return sigmoid(beta * x) * (1 + beta * x * sigmoid(-beta * x))


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
        half_exceptions=24,  # a product of 35 bits is a tie in float32 more often than a rounded function
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
        half_exceptions=220,  # alpha * x, of which elu falls short by less than float32 tells, may itself be a tie
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
        half_exceptions=350,  # beta is a tie, and a small x is lost beside it in float32
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
