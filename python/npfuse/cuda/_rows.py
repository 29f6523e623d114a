"""Softmax and its kin along an axis, on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from npfuse import _native
from npfuse.cuda import _storage
from npfuse.cuda._work import Work, along, checked_axis, without

Function = Callable[..., Any]

REDUCING = {"logsumexp"}
"""Operations that make one number of a row."""


def _forward(name: str, index: int) -> Function:
    def function(x: Any, /, axis: int = -1, *, out: Any = None, stream: Any = None) -> Any:
        with Work("x", x, stream) as work:
            operand = work.take("x", x)
            axis = checked_axis(axis, operand)
            shape = without(operand.shape, axis) if name in REDUCING else operand.shape
            result, target = work.output("out", out, shape, operand.storage)
            inputs, address = [work.contiguous(operand)], work.writing(target)
            storage = _storage.NUMBERS[operand.storage]
            work.native.run_rows(work.place, index, False, storage, inputs, address, *along(operand.shape, axis))
        return result

    returns = "of the shape of `x`, less the axis" if name in REDUCING else "of the shape of `x`"
    return _described(function, name, "x : array\n    Of floating-point numbers.", returns)


def _backward(name: str, index: int) -> Function:
    second = "x" if name in REDUCING else "y"

    def function(dy: Any, second_operand: Any, /, axis: int = -1, *, out: Any = None, stream: Any = None) -> Any:
        with Work(second, second_operand, stream) as work:
            operand = work.take(second, second_operand)
            axis = checked_axis(axis, operand)
            gradient = work.take("dy", dy, operand.storage)
            shape = without(operand.shape, axis) if name in REDUCING else operand.shape
            if gradient.shape != shape:
                raise ValueError(f"dy must be of shape {shape}, got {gradient.shape}")
            result, target = work.output("out", out, operand.shape, operand.storage)
            inputs, address = [work.contiguous(each) for each in (gradient, operand)], work.writing(target)
            storage = _storage.NUMBERS[operand.storage]
            work.native.run_rows(work.place, index, True, storage, inputs, address, *along(operand.shape, axis))
        return result

    what = "input" if second == "x" else "output"
    operands = f"dy, {second} : array\n    The gradient with respect to the output, and the {what}."
    return _described(function, f"{name}_backward", operands, f"of the shape of `{second}`")


def _described(function: Function, name: str, operands: str, returns: str) -> Function:
    function.__name__ = function.__qualname__ = name
    function.__module__ = "npfuse.cuda"
    function.__doc__ = f"""`npfuse.{name}` on a GPU: the same formula, the same bits.

Parameters
----------
{operands}
axis : int, default -1
    The axis along which the rows run.
out : array, optional
    Where the result goes.
stream : optional
    A CUDA stream of any library or its address; the current one of the array's library if left out.

Returns
-------
array
    From the library of the array, unless `out` is given; {returns}.
"""
    return function


def functions() -> dict[str, Function]:
    """Return every row operation of the registry by its name."""
    result: dict[str, Function] = {}
    for index, name in enumerate(_native.operations["rows"]):
        result[name] = _forward(name, index)
        result[f"{name}_backward"] = _backward(name, index)
    return result
