"""The gated linear unit of one array that holds both operands, on a GPU."""

from __future__ import annotations

from typing import Any

from npfuse import _native
from npfuse.cuda import _storage
from npfuse.cuda._operands import Operand
from npfuse.cuda._work import Work, checked_axis

__all__ = ["glu", "glu_backward"]

NUMBER = list(_native.operations["gated"]).index("sigmoid_glu")


def _halves(operand: Operand, axis: int) -> tuple[Operand, Operand]:
    length = operand.shape[axis]
    if length % 2:
        raise ValueError(f"x: expected an even length along axis {axis}, got {length}")
    shape, strides = (*operand.shape[:axis], length // 2, *operand.shape[axis + 1 :]), operand.strides
    return operand.seen_as(shape, strides), operand.seen_as(shape, strides, length // 2 * strides[axis])


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
    work = Work("x", x, stream)
    operand = work.take("x", x)
    values, gate = _halves(operand, checked_axis(axis, operand))
    result, target = work.allocated(values.shape, operand.storage)
    inputs = [(work.contiguous(half), 0.0) for half in (gate, values)]
    storage = _storage.NUMBERS[operand.storage]
    work.native.run_elementwise(work.place, "gated_forward", NUMBER, storage, inputs, [target.pointer], target.size)
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
    work = Work("x", x, stream)
    operand = work.take("x", x)
    axis = checked_axis(axis, operand)
    values, gate = _halves(operand, axis)
    gradient = work.take("dy", dy, operand.storage)
    if gradient.shape != values.shape:
        raise ValueError(f"dy: expected the shape of the output, {values.shape}, got {gradient.shape}")
    result, target = work.allocated(operand.shape, operand.storage)
    dvalues, dgate = _halves(target, axis)
    addresses = [work.writing(half) for half in (dgate, dvalues)]
    inputs = [(work.contiguous(each), 0.0) for each in (gradient, gate, values)]
    storage = _storage.NUMBERS[operand.storage]
    work.native.run_elementwise(work.place, "gated_backward", NUMBER, storage, inputs, addresses, values.size)
    work.written()
    return result
