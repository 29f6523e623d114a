"""How far results may be from exact ones."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from fuzz.values import computing, is_half

EPS64 = float(np.finfo(np.float64).eps)
SMALLEST64 = float(np.finfo(np.float64).smallest_subnormal)


@dataclass
class Expected:
    """What one result must be, in float64, and how far from it each element may be. NaN of both is right."""

    result: np.ndarray
    exact: np.ndarray
    allowed: np.ndarray | float

    def wrong(self) -> np.ndarray:
        """Return where the result is beyond what is allowed."""
        result, largest = np.asarray(self.result), float(ml_dtypes.finfo(self.result.dtype).max)
        with np.errstate(all="ignore"):
            got, exact, allowed = result.astype(np.longdouble), np.asarray(self.exact), np.asarray(self.allowed)
            close = (np.abs(got - exact) <= allowed) | (got == exact) | (np.isnan(got) & np.isnan(exact))
            may_overflow = np.abs(exact) + allowed >= largest
            overflown = np.isinf(got) & may_overflow & (np.signbit(got) == np.signbit(exact))
        return ~np.broadcast_to(close | overflown, got.shape)


def unit(number: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the distance between neighbouring numbers of a dtype around each number, at most that of the largest."""
    limits = ml_dtypes.finfo(dtype)
    exponent = np.frexp(np.asarray(number, np.float64))[1] - 1
    return np.ldexp(1.0, np.clip(exponent, int(limits.minexp), int(limits.maxexp) - 1) - int(limits.nmant))


def rounding(exact: np.ndarray, dtype: np.dtype, ulp: float) -> np.ndarray:
    """Return what a bound in ULP of the computing type allows, and one rounding more to a half type."""
    allowed = ulp * unit(exact, computing(dtype)) + 1000 * EPS64 * np.abs(exact)
    return allowed + unit(exact, dtype) / 2 if is_half(dtype) else allowed
