"""Maxout: the largest of a few pieces."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npfuse import _native
from npfuse._arrays import checked_axis, reject_masked, require_real

__all__ = ["maxout", "maxout_backward"]


def checked_pieces(pieces: int) -> int:
    try:
        count = operator.index(pieces)
    except TypeError:
        raise TypeError(f"pieces must be an integer, got {pieces!r}") from None
    if not 1 <= count <= np.iinfo(np.int32).max:
        raise ValueError(f"pieces must be at least 1 and less than 2**31, got {count}")
    return count


def maxout(
    x: ArrayLike, pieces: int, axis: int = -1, return_index: bool = False
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the largest of every `pieces` neighbours along an axis.

    Parameters
    ----------
    x : array_like
        float16, bfloat16, float32 or float64; integers promote as for `numpy.exp`.
    pieces : int
        How many neighbours compete; it divides the length of the axis.
    axis : int, default -1
        The axis along which they are neighbours.
    return_index : bool, default False
        Whether to return which of them won, too.

    Returns
    -------
    y : ndarray
        Of the shape of `x` with the axis `pieces` times shorter.
    index : ndarray of int32
        For each element of `y` the number of the piece that won, the first of equals. Only if `return_index`.

    Raises
    ------
    TypeError
        If `x` is complex, an object or a masked array, or `pieces` or `axis` no integer.
    ValueError
        If `pieces` does not divide the length of the axis, or there is no such axis.

    See Also
    --------
    maxout_backward : its derivative.

    Notes
    -----
    y[i] = max(x[i * pieces], ..., x[i * pieces + pieces - 1]), exactly. The first NaN among the pieces wins.

    References
    ----------
    Goodfellow et al. (2013), Maxout networks.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> nf.maxout(np.array([1.0, 5.0, 2.0, -1.0]), 2)
    array([5., 2.])
    """
    require_real(x=x)
    array = np.asanyarray(x)
    count = checked_pieces(pieces)
    axis = checked_axis(axis, array.ndim, "x")
    length = array.shape[axis]
    if length % count:
        raise ValueError(f"pieces must divide the length of the axis, {length}, got {count}")
    split = array.reshape(*array.shape[:axis], length // count, count, *array.shape[axis + 1 :])
    if not return_index:
        y: NDArray[Any] = _native.maxout_values_ufunc(split, axes=[axis + 1, ()])
        return y
    largest, winners = _native.maxout_ufunc(split, axes=[axis + 1, (), ()])
    return largest, winners


def maxout_backward(dy: ArrayLike, index: ArrayLike, pieces: int, axis: int = -1) -> NDArray[Any]:
    """Return the gradient with respect to the input of `maxout`.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output.
    index : array_like of int
        What `maxout` returned with ``return_index=True``.
    pieces, axis : int
        As for `maxout`.

    Returns
    -------
    dx : ndarray
        `dy` where a piece won, 0 where it did not.

    Raises
    ------
    TypeError
        If `dy` is complex or an object, an array is masked, or `index`, `pieces` or `axis` are no integers.
    ValueError
        If `index` has another shape than `dy`, or names a piece that is not there.

    Notes
    -----
    dx[i * pieces + k] = dy[i] where index[i] == k, else 0, exactly.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> y, index = nf.maxout(np.array([1.0, 5.0, 2.0, -1.0]), 2, return_index=True)
    >>> nf.maxout_backward(np.array([10.0, 20.0]), index, 2)
    array([ 0., 10., 20.,  0.])
    """
    require_real(dy=dy)
    reject_masked(index=index)
    gradient, winners = np.asanyarray(dy), np.asarray(index)
    count = checked_pieces(pieces)
    axis = checked_axis(axis, gradient.ndim, "dy")
    if winners.dtype.kind not in "iu":
        raise TypeError(f"index must be of integers, got {winners.dtype}")
    if winners.shape != gradient.shape:
        raise ValueError(f"index must be of the shape of dy, {gradient.shape}, got {winners.shape}")
    if winners.size and not 0 <= winners.min() <= winners.max() < count:
        raise ValueError(f"index must be from 0 to {count - 1}, got {winners.min()} to {winners.max()}")
    dtype = np.result_type(_native.relu(gradient[..., :0]))
    parts = np.empty((*gradient.shape[: axis + 1], count, *gradient.shape[axis + 1 :]), dtype)
    _native.maxout_backward_ufunc(gradient, winners.astype(np.int32, copy=False), axes=[(), (), axis + 1], out=parts)
    return parts.reshape(*gradient.shape[:axis], gradient.shape[axis] * count, *gradient.shape[axis + 1 :])
