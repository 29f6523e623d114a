"""A bias and an activation in one pass over memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npfuse import _native
from npfuse._arrays import reject_masked, require_real, require_target, rounded_sums

__all__ = ["bias_act", "bias_act_backward"]


def parameter_values(activation: str, given: dict[str, float]) -> list[float]:
    """Return the activation's parameters in order, defaults filled in."""
    if not isinstance(activation, str):
        raise TypeError(f"activation must be a name such as 'relu', got {activation!r}")
    if activation not in _native.bias_forward_ufuncs:
        known = ", ".join(sorted(_native.bias_forward_ufuncs))
        raise ValueError(f"activation must be one of {known}, got {activation!r}")
    defaults = _native.activation_parameters[activation]
    for name in given:
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            raise TypeError(f"{name} must be a parameter of {activation}, which has {known}")
    return [given.get(name, default) for name, default in defaults.items()]


def _require_shapes(x: ArrayLike, bias: ArrayLike, out: NDArray[Any] | None) -> None:
    shape = np.shape(x)
    if not shape:
        raise ValueError("x must have at least one axis, got a scalar")
    if np.shape(bias) != shape[-1:]:
        raise ValueError(f"bias must be of shape {shape[-1:]}, that of a row of x, got {np.shape(bias)}")
    if out is not None and out.shape != shape:
        raise ValueError(f"out must be of the shape of x, {shape}, got {out.shape}")


def bias_act(
    x: ArrayLike, bias: ArrayLike, activation: str = "relu", *, out: NDArray[Any] | None = None, **parameters: float
) -> NDArray[Any]:
    """Add a bias along the last axis and apply an activation, in one pass.

    Parameters
    ----------
    x : array_like, shape (..., n)
        float16, bfloat16, float32 or float64; integers promote as for `numpy.exp`.
    bias : array_like, shape (n,)
        Added to every row.
    activation : str, default "relu"
        Name of any elementwise activation of this library.
    out : ndarray, optional
        Where the result goes; it may be `x` itself.
    **parameters : float
        Parameters of the activation, such as ``alpha=1.0`` for "elu"; each has its usual default.

    Returns
    -------
    ndarray, shape (..., n)
        ``activation(x + bias)``.

    Raises
    ------
    TypeError
        If an operand is complex, an object or a masked array, or the activation has no such parameter.
    ValueError
        If there is no such activation, a parameter is out of its range, the shapes do not fit, or `out` is read-only.

    Notes
    -----
    The sum is rounded once to the computing type (float32 for half types), then the activation has its own accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> nf.bias_act(np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([0.5, -5.0]), "relu")
    array([[1.5, 0. ],
           [3.5, 0. ]])
    """
    if type(x) is not np.ndarray or type(bias) is not np.ndarray or out is not None:
        reject_masked(x=x, bias=bias)
        require_target(out)
    values = parameter_values(activation, parameters)
    try:
        result: NDArray[Any] = _native.bias_forward_ufuncs[activation](x, bias, *values, out=out)
    except (TypeError, ValueError):
        require_real(x=x, bias=bias)
        _require_shapes(x, bias, out)
        raise
    return result


def bias_act_backward(
    dy: ArrayLike,
    x: ArrayLike,
    bias: ArrayLike,
    activation: str = "relu",
    *,
    out: NDArray[Any] | None = None,
    **parameters: float,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the gradients of `bias_act` with respect to `x` and `bias`, in one pass.

    Parameters
    ----------
    dy : array_like, shape (..., n)
        Gradient with respect to the output.
    x : array_like, shape (..., n)
        What `bias_act` was given, before the bias.
    bias : array_like, shape (n,)
        What `bias_act` was given.
    activation : str, default "relu"
        As for `bias_act`.
    out : ndarray, optional
        Where dx goes; it may be `dy` or `x` itself.
    **parameters : float
        As for `bias_act`.

    Returns
    -------
    dx : ndarray, shape (..., n)
        ``dy * activation'(x + bias)``.
    dbias : ndarray, shape (n,)
        Sum of dx over all rows, carried in double in an order that no number of threads changes. Of the dtype that dx
        has without `out`.

    Raises
    ------
    TypeError
        If an operand is complex, an object or a masked array, or the activation has no such parameter.
    ValueError
        If there is no such activation, a parameter is out of its range, the shapes do not fit, or `out` is read-only.

    Notes
    -----
    dx = dy * activation'(x + bias), dbias = sum of dx over all axes but the last. Only x is needed of the forward pass,
    not its result. The sum has the same bits for every number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> x = np.array([[1.0, -2.0], [3.0, 4.0]])
    >>> dx, dbias = nf.bias_act_backward(np.ones((2, 2)), x, np.zeros(2), "relu")
    >>> dbias
    array([2., 1.])
    """
    require_real(dy=dy, x=x, bias=bias)
    require_target(out)
    values = parameter_values(activation, parameters)
    gradient, inputs = np.asanyarray(dy), np.asanyarray(x)
    _require_shapes(inputs, bias, out)
    if gradient.shape != inputs.shape:
        raise ValueError(f"dy must be of the shape of x, {inputs.shape}, got {gradient.shape}")
    rows = (math.prod(inputs.shape[:-1]), inputs.shape[-1])
    ufunc = _native.bias_backward_ufuncs[activation]
    gradient, inputs_in_rows = gradient.reshape(rows), inputs.reshape(rows)
    target = None if out is None else out.reshape(rows)
    dx, dbias = ufunc(gradient, inputs_in_rows, bias, *values, out=(target, None))
    if out is None:
        return dx.reshape(inputs.shape), rounded_sums(dbias, (), dx.dtype)
    if not np.shares_memory(out, dx):  # a layout whose rows cannot be viewed as one matrix
        out[...] = dx.reshape(inputs.shape)
    dtype = ufunc(gradient[:0], inputs_in_rows[:0], bias, *values)[0].dtype
    return out, rounded_sums(dbias, (), dtype)
