"""The backward pass of prelu, whose slope is learnt, on a GPU."""

from __future__ import annotations

import math
from typing import Any

from npfuse.cuda import _storage
from npfuse.cuda._bias import ACTIVATIONS
from npfuse.cuda._operands import is_number
from npfuse.cuda._settings import checked_parameters
from npfuse.cuda._work import Work

__all__ = ["prelu_backward"]


def prelu_backward(dy: Any, x: Any, slope: Any, *, stream: Any = None) -> tuple[Any, Any]:
    """`npfuse.prelu_backward` on a GPU: the gradients with respect to the input and the slope, in one pass.

    Parameters
    ----------
    dy : array
        Gradient with respect to the output.
    x : array
        The input of `prelu`, of the shape of `dy`.
    slope : array or float
        The slope that `prelu` was given: a number, or an array of which one run of neighbouring axes has the lengths of
        `x`, such as (channels, 1, 1), and all others have length 1.
    stream : optional
        A CUDA stream of any library or its address; the current one of the library of `x` if left out.

    Returns
    -------
    dx : array
        From the library of `x`.
    dslope : array
        Summed to the shape of `slope`, in the CPU's order.
    """
    with Work("x", x, stream) as work:
        operand = work.take("x", x)
        gradient = work.take("dy", dy, operand.storage)
        if gradient.shape != operand.shape:
            raise ValueError(f"dy: expected the shape of x, {operand.shape}, got {gradient.shape}")
        own_shape: tuple[int, ...] = ()
        varies = [False] * len(operand.shape)
        given = (0, 0, *checked_parameters("prelu", [slope], operand.storage)) if is_number(slope) else None
        if given is None:
            slopes = work.take("slope", slope, operand.storage)
            own_shape = slopes.shape
            missing = len(operand.shape) - len(own_shape)
            padded = (1,) * missing + own_shape
            if missing < 0 or any(own not in (1, n) for own, n in zip(padded, operand.shape, strict=True)):
                raise ValueError(f"slope: shape {own_shape} does not broadcast to that of x, {operand.shape}")
            varies = [own != 1 for own in padded]
            given = (work.contiguous(slopes), 1, 0.0)

        first, last = _run(varies, operand.shape)
        before, period, after = (
            math.prod(operand.shape[:first]),
            math.prod(operand.shape[first:last]),
            math.prod(operand.shape[last:]),
        )
        by_column = last == len(varies) and first < last
        family, shape = ("column", (before, period, period)) if by_column else ("row", (before * period, after, period))
        dx, target = work.allocated(operand.shape, operand.storage)
        dslope, sums = work.allocated(own_shape, operand.storage)
        work.native.run_matrix(
            work.place,
            family,
            ACTIVATIONS["prelu"],
            _storage.NUMBERS[operand.storage],
            [(work.contiguous(gradient), 0, 0.0), (work.contiguous(operand), 0, 0.0), given],
            target.pointer,
            sums.pointer,
            work.memory(8 * work.native.scratch_for_matrix(family, *shape[:2])),
            shape,
        )
    return dx, dslope


def _run(varies: list[bool], shape: tuple[int, ...]) -> tuple[int, int]:
    """Return where the one run of axes begins and ends along which the slope varies."""
    axes = [axis for axis, own in enumerate(varies) if own]
    first, last = (axes[0], axes[-1] + 1) if axes else (0, 0)
    if not all(own or length == 1 for own, length in zip(varies[first:last], shape[first:last], strict=True)):
        raise ValueError("slope: on a GPU the axes along which it varies must be neighbours")
    return first, last
