"""What the functions written in Python do with arrays before and after their kernels."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npfuse import _native


def reject_masked(**arguments: Any) -> None:
    """Refuse masked arrays, whose masks a kernel would ignore; each argument goes by its name."""
    for name, value in arguments.items():
        if type(value) is np.ndarray:
            continue
        masked = sys.modules.get("numpy.ma")  # where nobody has imported it, there is no such array
        if masked is not None and isinstance(value, masked.MaskedArray):
            raise TypeError(
                f"{name} must be an array without a mask, got a {type(value).__name__}; "
                f"{name}.filled(0) or {name}.compressed() is one"
            )


def rounded_sums(sums: NDArray[Any], axes: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return sums added up along axes and rounded to a dtype, in the library's own floating-point environment."""
    total: NDArray[Any] = _native.in_own_environment(lambda: sums.sum(axis=axes)) if axes else sums
    result: NDArray[Any] = total if dtype == np.float64 else _native.rounded(total, dtype)
    return result
