"""The gated linear unit of one array that holds both operands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npfuse import _native
from npfuse._arrays import checked_axis, require_real

__all__ = ["glu", "glu_backward"]


def _halves(array: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    position = checked_axis(axis, array.ndim, "x")
    length = array.shape[position]
    if length % 2:
        raise ValueError(f"x must have an even length along axis {axis}, got {length}")
    before = (slice(None),) * position
    return array[(*before, slice(length // 2))], array[(*before, slice(length // 2, None))]


def glu(x: ArrayLike, axis: int = -1) -> NDArray[Any]:
    """Return the first half of an array times the sigmoid of its second half.

    Parameters
    ----------
    x : array_like
        float16, bfloat16, float32 or float64; integers promote as for `numpy.exp`.
    axis : int, default -1
        The axis that is halved.

    Returns
    -------
    y : ndarray
        Of the shape of `x` with that axis half as long.

    Raises
    ------
    TypeError
        If `x` is complex, an object or a masked array, or `axis` no integer.
    ValueError
        If there is no such axis, or its length is odd.

    See Also
    --------
    glu_backward : its derivative.
    sigmoid_glu : the same of two arrays.

    Notes
    -----
    y = x1 * sigmoid(x2). The order of the halves is that of PyTorch.

    References
    ----------
    Dauphin et al. (2017), Language modeling with gated convolutional networks.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> nf.glu(np.array([3.0, 4.0, 0.0, 100.0]))
    array([1.5, 4. ])
    """
    require_real(x=x)
    values, gate = _halves(np.asanyarray(x), axis)
    y: NDArray[Any] = _native.sigmoid_glu(gate, values)
    return y


def glu_backward(dy: ArrayLike, x: ArrayLike, axis: int = -1) -> NDArray[Any]:
    """Return the gradient with respect to the input of `glu`.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output.
    x : array_like
        What `glu` was given.
    axis : int, default -1
        The axis that was halved.

    Returns
    -------
    dx : ndarray
        Of the shape of `x`.

    Raises
    ------
    TypeError
        If an operand is complex, an object or a masked array, or `axis` no integer.
    ValueError
        If there is no such axis, its length is odd, or `dy` has not the shape of the output.

    Notes
    -----
    dx = (dy * sigmoid(x2), dy * x1 * sigmoid'(x2)), where x1 and x2 are the halves of x.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> nf.glu_backward(np.array([1.0]), np.array([3.0, 0.0]))
    array([0.5 , 0.75])
    """
    require_real(dy=dy, x=x)
    gradient, inputs = np.asanyarray(dy), np.asanyarray(x)
    values, gate = _halves(inputs, axis)
    if gradient.shape != values.shape:
        raise ValueError(f"dy must be of shape {values.shape}, that of glu(x), got {gradient.shape}")
    dtype = _native.sigmoid_glu(gate[..., :0], gradient[..., :0]).dtype
    dx = np.empty(inputs.shape, dtype)
    dvalues, dgate = _halves(dx, axis)
    _native.sigmoid_glu_backward(gradient, gate, values, out=(dgate, dvalues))
    return dx
