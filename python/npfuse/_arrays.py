"""What the functions written in Python do with arrays before and after their kernels."""

from __future__ import annotations

import operator
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


def require_real(**arguments: Any) -> None:
    """Refuse arrays of complex numbers, objects, text or longer floats, and masked ones; each goes by its name."""
    for name, value in arguments.items():
        if type(value) is float or (type(value) is np.ndarray and value.dtype.kind == "f" and value.itemsize <= 8):
            continue
        reject_masked(**{name: value})
        dtype = np.asanyarray(value).dtype
        if not np.can_cast(dtype, np.float64):
            raise TypeError(f"{name} must be of float16, bfloat16, float32, float64 or an integer type, got {dtype}")


def require_target(out: Any) -> None:
    """Refuse what no result can be written into; None stands for a new array."""
    reject_masked(out=out)
    if out is not None and not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, got {type(out).__name__}")
    if out is not None and not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")


def checked_axis(axis: int, dimensions: int, name: str) -> int:
    """Return an axis of an array that has so many and goes by that name, counted from the first."""
    try:
        position = operator.index(axis)
    except TypeError:
        raise TypeError(f"axis must be an integer, got {axis!r}") from None
    if not -dimensions <= position < dimensions:
        raise ValueError(f"axis must be one of the {dimensions} axes of {name}, got {position}")
    return position % dimensions


def rounded_sums(sums: NDArray[Any], axes: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return sums added up along axes and rounded to a dtype, in the library's own floating-point environment."""
    if not axes and dtype == np.float64:
        return sums
    total = sums
    with np.errstate(all="ignore"):  # like kernels, which warn of nothing
        if axes:
            # NumPy adds in the order of memory, which a result of a strided call takes from its inputs.
            in_order = np.ascontiguousarray(sums)
            total = _native.in_own_environment(lambda: in_order.sum(axis=axes))
        result: NDArray[Any] = total if dtype == np.float64 else _native.rounded(total, dtype)
    return result
