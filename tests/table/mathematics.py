"""What several families of formulas are written with, for mpmath."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
from mpmath import mpf

Formula = Callable[..., mpf]

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


def softplus(x: mpf, beta: mpf | int = 1) -> mpf:
    return mpmath.log1p(exp(beta * x)) / beta
