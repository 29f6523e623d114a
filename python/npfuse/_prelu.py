"""The backward pass of prelu, whose slope is learnt."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npfuse import _native
from npfuse._arrays import require_real, rounded_sums

__all__ = ["prelu_backward"]


def prelu_backward(dy: ArrayLike, x: ArrayLike, slope: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the gradients with respect to the input and the slope of `prelu`, in one pass.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output.
    x : array_like
        The input of `prelu`, of the shape of `dy`.
    slope : array_like
        The slope that `prelu` was given: a number, one per channel, or any shape that broadcasts to that of `x`.

    Returns
    -------
    dx : ndarray or scalar
        ``dy`` where x > 0, else ``slope * dy``.
    dslope : ndarray or scalar
        ``dy * x`` where x <= 0, summed to the shape of `slope`. The sum is carried in float64, in an order that no
        number of threads changes.

    Raises
    ------
    TypeError
        If an operand is complex, an object or a masked array.
    ValueError
        If `dy` has another shape than `x`, or `slope` does not broadcast to it or is out of its range.

    See Also
    --------
    prelu : the function itself.

    Notes
    -----
    dx = dy where x > 0, else slope * dy; dslope = sum(dy * x where x <= 0), as in PyTorch.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> dx, dslope = nf.prelu_backward(np.ones(3), np.array([-2.0, -1.0, 4.0]), 0.25)
    >>> dx
    array([0.25, 0.25, 1.  ])
    >>> dslope
    np.float64(-3.0)
    """
    require_real(dy=dy, x=x, slope=slope)
    gradient, inputs, slopes = np.asanyarray(dy), np.asanyarray(x), np.asanyarray(slope)
    if gradient.shape != inputs.shape:
        raise ValueError(f"dy must be of the shape of x, {inputs.shape}, got {gradient.shape}")
    if slopes.size == 1 and slopes.ndim <= inputs.ndim:
        # A number stays what it is, so that a Python float does not promote float32.
        single = slopes.reshape(()) if slopes.ndim else slope
        dx, sums = _native.parameter_backward_ufuncs["prelu"][1](gradient.reshape(-1), inputs.reshape(-1), single)
        axes: tuple[int, ...] = ()
    else:
        dx, sums, axes = _sums_for(slopes, gradient, inputs)
    return dx.reshape(inputs.shape), rounded_sums(sums, axes, dx.dtype).reshape(slopes.shape)


def _sums_for(
    slopes: NDArray[Any], gradient: NDArray[Any], inputs: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], tuple[int, ...]]:
    """Return dx, sums, and the axes along which they remain to be added; elements in the order of their arrays."""
    padded = (1,) * (inputs.ndim - slopes.ndim) + slopes.shape
    if len(padded) != inputs.ndim or any(own not in (1, n) for own, n in zip(padded, inputs.shape, strict=True)):
        raise ValueError(f"slope must broadcast to the shape of x, {inputs.shape}, got shape {slopes.shape}")

    # Axes of length 1 are neither summed nor kept, and left out.
    shape = tuple(length for length in inputs.shape if length != 1)
    varies = tuple(own == length for own, length in zip(padded, inputs.shape, strict=True) if length != 1)
    lengths = tuple(length if own else 1 for own, length in zip(varies, shape, strict=True))

    per_column, per_row = _native.parameter_backward_ufuncs["prelu"]
    by_column = bool(varies) and varies[-1]
    columns_from = _start_of_last_run(varies)
    rows_from = _start_of_last_run(varies[:columns_from]) if by_column else columns_from
    outer, columns = shape[:rows_from], (math.prod(shape[columns_from:]),)
    rows = (math.prod(shape[rows_from:columns_from]),) if by_column else ()
    dx, sums = (per_column if by_column else per_row)(
        gradient.reshape(outer + rows + columns),
        inputs.reshape(outer + rows + columns),
        slopes.reshape(lengths[:rows_from] + (columns if by_column else ())),
    )
    return dx, sums, tuple(axis for axis in range(rows_from) if not varies[axis])


def _start_of_last_run(flags: tuple[bool, ...]) -> int:
    """Return where the last stretch of equal flags begins."""
    start = len(flags)
    while start > 0 and flags[start - 1] == flags[-1]:
        start -= 1
    return start
