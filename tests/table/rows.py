"""One row per operation along an axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath
from mpmath import mpf


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
    RowOperation("softmax", softmax, ulp=2.5, float64_ulp=3),
    RowOperation("log_softmax", log_softmax, ulp=2, float64_ulp=2),
    RowOperation(
        "logsumexp",
        logsumexp,
        ulp=2.5,
        float64_ulp=2,
        beside_largest_input=True,
        reduces=True,
        backward_from_output=False,
    ),
]
