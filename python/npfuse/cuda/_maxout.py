"""Maxout on a GPU."""

from __future__ import annotations

from typing import Any

from npfuse._maxout import checked_pieces
from npfuse.cuda import _storage
from npfuse.cuda._settings import checked_flag
from npfuse.cuda._work import Work, along, checked_axis

__all__ = ["maxout", "maxout_backward"]


def maxout(x: Any, pieces: int, axis: int = -1, return_index: bool = False, *, stream: Any = None) -> Any:
    """`npfuse.maxout` on a GPU: the largest of every `pieces` neighbours along an axis.

    Parameters
    ----------
    x : array
        Of floating-point numbers.
    pieces : int
        How many neighbours compete; it divides the length of the axis.
    axis : int, default -1
        The axis along which they are neighbours.
    return_index : bool, default False
        Whether to return which of them won, too.
    stream : optional
        A CUDA stream of any library or its address; the current one of the array's library if left out.

    Returns
    -------
    y : array
        From the library of `x`, of its shape with the axis `pieces` times shorter.
    index : array of int32
        For each element of `y` the number of the piece that won. Only if `return_index`.
    """
    return_index = checked_flag("return_index", return_index)
    with Work("x", x, stream) as work:
        operand = work.take("x", x)
        count = checked_pieces(pieces)
        axis = checked_axis(axis, operand)
        length = operand.shape[axis]
        if length % count:
            raise ValueError(f"pieces: {count} does not divide the length of the axis, {length}")
        shape = (*operand.shape[:axis], length // count, *operand.shape[axis + 1 :])
        y, whole = work.allocated(shape, operand.storage)
        if return_index:
            index, winners = work.allocated(shape, "int32")
            address = winners.pointer
        else:
            index, address = None, work.memory(4 * whole.size)
        storage = _storage.NUMBERS[operand.storage]
        parts, inner = work.contiguous(operand), along(shape, axis)[2]
        work.native.run_maxout(work.place, False, storage, parts, whole.pointer, address, whole.size, count, inner)
    return (y, index) if return_index else y


def maxout_backward(dy: Any, index: Any, pieces: int, axis: int = -1, *, stream: Any = None) -> Any:
    """`npfuse.maxout_backward` on a GPU: the gradient with respect to the input of `maxout`.

    Parameters
    ----------
    dy : array
        Gradient with respect to the output.
    index : array of int32
        What `maxout` returned with ``return_index=True``; numbers that are no piece's give their gradient to none.
    pieces, axis : int
        As for `maxout`.
    stream : optional
        As for `maxout`.

    Returns
    -------
    array
        From the library of `dy`: `dy` where a piece won, 0 where it did not.
    """
    with Work("dy", dy, stream) as work:
        gradient, winners = work.take("dy", dy), work.take_any("index", index)
        count = checked_pieces(pieces)
        axis = checked_axis(axis, gradient)
        if winners.storage != "int32":
            raise TypeError(f"index must be of int32, got {winners.storage}")
        if winners.shape != gradient.shape:
            raise ValueError(f"index must be of the shape of dy, {gradient.shape}, got {winners.shape}")
        shape = (*gradient.shape[:axis], gradient.shape[axis] * count, *gradient.shape[axis + 1 :])
        dx, parts = work.allocated(shape, gradient.storage)
        storage = _storage.NUMBERS[gradient.storage]
        addresses = [parts.pointer, work.contiguous(gradient), work.contiguous(winners)]
        inner = along(gradient.shape, axis)[2]
        work.native.run_maxout(work.place, True, storage, *addresses, gradient.size, count, inner)
    return dx
