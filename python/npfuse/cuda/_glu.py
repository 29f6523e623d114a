"""The gated linear unit of one array that holds both operands, on a GPU."""

from __future__ import annotations

import math
from typing import Any

from npfuse import _native
from npfuse.cuda import _storage
from npfuse.cuda._operands import Operand
from npfuse.cuda._work import Work, checked_axis

__all__ = ["glu", "glu_backward"]

NUMBER = list(_native.operations["gated"]).index("sigmoid_glu")


def _columns(operand: Operand, axis: int) -> int:
    """Return how many numbers of each half follow each other in C order."""
    length = operand.shape[axis]
    if length % 2:
        raise ValueError(f"x: expected an even length along axis {axis}, got {length}")
    return math.prod(operand.shape[axis:]) // 2


def _half_shape(operand: Operand, axis: int) -> tuple[int, ...]:
    return (*operand.shape[:axis], operand.shape[axis] // 2, *operand.shape[axis + 1 :])


def glu(x: Any, axis: int = -1, *, stream: Any = None) -> Any:
    """`npfuse.glu` on a GPU: the first half of an array times the sigmoid of its second half.

    Parameters
    ----------
    x : array
        Of floating-point numbers.
    axis : int, default -1
        The axis that is halved.
    stream : optional
        A CUDA stream of any library or its address; the current one of the array's library if left out.

    Returns
    -------
    array
        From the library of `x`, of its shape with that axis half as long.
    """
    with Work("x", x, stream) as work:
        operand = work.take("x", x)
        axis = checked_axis(axis, operand)
        columns = _columns(operand, axis)
        result, target = work.allocated(_half_shape(operand, axis), operand.storage)
        values = work.contiguous(operand)
        gate = values + columns * _storage.itemsize(operand.storage)
        work.native.run_elementwise(
            work.place,
            "gated_forward",
            NUMBER,
            _storage.NUMBERS[operand.storage],
            [(gate, 0.0), (values, 0.0)],
            [target.pointer],
            target.size,
            columns=columns,
            halved_inputs=[0, 1],
        )
    return result


def glu_backward(dy: Any, x: Any, axis: int = -1, *, stream: Any = None) -> Any:
    """`npfuse.glu_backward` on a GPU: the gradient with respect to the input of `glu`.

    Parameters
    ----------
    dy : array
        Gradient with respect to the output.
    x : array
        What `glu` was given.
    axis : int, default -1
        The axis that was halved.
    stream : optional
        As for `glu`.

    Returns
    -------
    array
        From the library of `x`, of its shape.
    """
    with Work("x", x, stream) as work:
        operand = work.take("x", x)
        axis = checked_axis(axis, operand)
        columns = _columns(operand, axis)
        gradient = work.take("dy", dy, operand.storage)
        if gradient.shape != _half_shape(operand, axis):
            raise ValueError(f"dy must be of shape {_half_shape(operand, axis)}, got {gradient.shape}")
        result, target = work.allocated(operand.shape, operand.storage)
        values, dvalues = work.contiguous(operand), target.pointer
        apart = columns * _storage.itemsize(operand.storage)
        work.native.run_elementwise(
            work.place,
            "gated_backward",
            NUMBER,
            _storage.NUMBERS[operand.storage],
            [(work.contiguous(gradient), 0.0), (values + apart, 0.0), (values, 0.0)],
            [dvalues + apart, dvalues],
            gradient.size,
            columns=columns,
            halved_inputs=[1, 2],
            halved_outputs=True,
        )
    return result
