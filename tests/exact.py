"""Exact results: mpmath's, to well beyond float64, whatever a formula cancels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mpmath
import numpy as np
from mpmath import mpf

LOWEST_PRECISION, HIGHEST_PRECISION = 100, 6400
AGREEMENT = mpf(2) ** -75


@dataclass(frozen=True)
class Exact:
    """Real numbers as the nearest float64 and what is missing to the truth, in float64 ULP."""

    nearest: np.ndarray
    remainder: np.ndarray


def evaluate(formula: Callable[..., mpf], *operands: float) -> mpf:
    """Raise the precision until two in a row agree: what cancels or underflows at one is still there at the next.

    A zero agrees with nothing; it is asked once more, at the highest precision.
    """
    bits = LOWEST_PRECISION
    with mpmath.workprec(bits):
        numbers = [mpf(operand) for operand in operands]
        result = formula(*numbers)
    while bits < HIGHEST_PRECISION:
        before, bits = result, 2 * bits if result else HIGHEST_PRECISION
        with mpmath.workprec(bits):
            result = formula(*numbers)
            if result and abs(result - before) <= abs(result) * AGREEMENT:
                break
    return result


def exact(formula: Callable[..., mpf], points: np.ndarray, parameters: Sequence[float]) -> Exact:
    """Evaluate f(point, *parameters) at each finite point."""
    results = [evaluate(formula, float(point), *parameters) for point in points]
    nearest = np.array([float(result) for result in results])
    with mpmath.workprec(200):
        remainder = [
            float((result - mpf(near)) / mpf(float(step))) if np.isfinite(near) else 0.0
            for result, near, step in zip(results, nearest, unit_in_last_place(nearest, np.float64), strict=True)
        ]
    return Exact(nearest, np.array(remainder))


def unit_in_last_place(value: np.ndarray, dtype: type) -> np.ndarray:
    """Return the distance between neighbouring numbers of the dtype around each value."""
    limits = np.finfo(dtype)
    exponent = np.clip(np.frexp(value)[1] - 1, limits.minexp, limits.maxexp - 1)
    return np.ldexp(1.0, exponent - limits.nmant)


def error_in_ulp(result: np.ndarray, truth: Exact) -> np.ndarray:
    """Measure float32 or float64 results. A result that should have overflowed, or should not, is infinitely wrong."""
    limits = np.finfo(result.dtype)
    with np.errstate(all="ignore"):
        beyond = np.abs(truth.nearest) >= np.ldexp(1 - float(limits.eps) / 4, limits.maxexp)
        distance = (result.astype(np.float64) - truth.nearest) / unit_in_last_place(truth.nearest, result.dtype)
        if result.dtype == np.float64:
            distance = distance - truth.remainder
    error = np.where(beyond, np.where(result == np.copysign(np.inf, truth.nearest), 0, np.inf), np.abs(distance))
    return np.where(np.isnan(error), np.inf, error)


def is_nearest(result: np.ndarray, truth: np.ndarray, leeway: np.ndarray | float) -> np.ndarray:
    """Tell where no other number of the result's dtype is closer to the truth, or just as close but for the leeway."""
    numbers = np.arange(2**15, dtype=np.uint16).view(result.dtype).astype(np.float64)
    infinity = np.flatnonzero(np.isinf(numbers))[0]
    numbers[infinity] = 2 * numbers[infinity - 1] - numbers[infinity - 2]  # where the next number would be
    middles = (numbers[:infinity] + numbers[1 : infinity + 1]) / 2
    lower, upper = np.concatenate([[0], middles]), np.concatenate([middles, [np.inf]])

    magnitude = np.minimum(result.view(np.uint16) & 0x7FFF, infinity)
    size = np.abs(truth)
    near = (lower[magnitude] - leeway <= size) & (size <= upper[magnitude] + leeway)
    same_sign = np.signbit(result.astype(np.float64)) == np.signbit(truth)
    return np.where(np.isnan(truth), np.isnan(result), near & (same_sign | (magnitude == 0)))
