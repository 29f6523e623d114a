"""Calls of softmax and its kin that their generalized ufuncs would get silently wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from npfuse import _native
from npfuse._arrays import reject_masked

__all__: list[str] = []


def call_row_function(ufunc: np.ufunc, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a generalized ufunc with inputs that are not plain arrays, or with axes=."""
    inputs = args[: ufunc.nin]
    last = "y" if ufunc.__name__.endswith("softmax_backward") else "x"
    reject_masked(**dict(zip(("x",) if ufunc.nin == 1 else ("dy", last), inputs, strict=False)))
    given = args[ufunc.nin :] or kwargs.get("out", ())
    outputs = given if isinstance(given, tuple) else (given,)
    for out in outputs:
        reject_masked(out=out)
    # The only view that overlaps itself in another order is one whose axes have changed places.
    if "axes" in kwargs and any(out is not None for out in outputs):
        return _copied_to_out(ufunc, inputs, kwargs, *outputs)
    if ufunc.nin == 1 and len(inputs) == 1 and _is_frame(inputs[0]):
        return _of_frame(ufunc, inputs[0], args[1:], kwargs)
    return ufunc(*args, **kwargs)


def _copied_to_out(ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    result = np.asarray(ufunc(*inputs, **{**kwargs, "out": None}))
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, got {type(out).__name__}")
    if out.shape != result.shape:
        raise ValueError(f"out must have shape {result.shape}, got {out.shape}")
    np.copyto(out, result, casting="same_kind")
    return out


def _is_frame(value: Any) -> bool:
    """Return whether this is a pandas DataFrame, which hands its transposed blocks to a ufunc of one input."""
    return type(value).__module__.startswith("pandas") and getattr(value, "ndim", 0) == 2


def _of_frame(ufunc: np.ufunc, frame: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = ufunc(frame.to_numpy(), *args, **kwargs)
    if result.shape != frame.shape or args or kwargs.get("out") is not None:
        return result
    return type(frame)(result, index=frame.index, columns=frame.columns)


_native.set_row_function_fallback(call_row_function)
