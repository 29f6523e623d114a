"""A bias and an activation in one pass, on a GPU."""

from __future__ import annotations

import math
from typing import Any

from npfuse import _native
from npfuse._bias import parameter_values
from npfuse.cuda import _storage
from npfuse.cuda._operands import Operand
from npfuse.cuda._settings import checked_parameters
from npfuse.cuda._work import Work

__all__ = ["bias_act", "bias_act_backward"]

ACTIVATIONS = {name: number for number, name in enumerate(_native.activation_parameters)}


def _bias(work: Work, bias: Any, x: Operand) -> Operand:
    if not x.shape:
        raise ValueError("x: expected at least one axis, got a scalar")
    operand = work.take("bias", bias, x.storage)
    if operand.shape != x.shape[-1:]:
        raise ValueError(f"bias: expected shape {x.shape[-1:]}, got {operand.shape}")
    return operand


def bias_act(
    x: Any, bias: Any, activation: str = "relu", *, out: Any = None, stream: Any = None, **parameters: float
) -> Any:
    """`npfuse.bias_act` on a GPU: the same formula, the same bits.

    Parameters
    ----------
    x : array, shape (..., n)
        Of floating-point numbers.
    bias : array, shape (n,)
        Of the dtype of `x`; added to every row.
    activation : str, default "relu"
        Name of any elementwise activation of this library.
    out : array, optional
        Where the result goes; it may be `x` itself.
    stream : optional
        A CUDA stream of any library or its address; the current one of the library of `x` if left out.
    **parameters : float
        Parameters of the activation; each has its usual default.

    Returns
    -------
    array, shape (..., n)
        From the library of `x`, unless `out` is given.
    """
    values = parameter_values(activation, parameters)
    with Work("x", x, stream) as work:
        operand = work.take("x", x)
        added = _bias(work, bias, operand)
        numbers = checked_parameters(activation, values, operand.storage)
        result, target = work.output("out", out, operand.shape, operand.storage)
        work.native.run_elementwise(
            work.place,
            "activations_forward",
            ACTIVATIONS[activation],
            _storage.NUMBERS[operand.storage],
            [(work.contiguous(operand), 0.0), *((None, number) for number in numbers)],
            [work.writing(target)],
            operand.size,
            columns=operand.shape[-1],
            bias=work.contiguous(added),
        )
    return result


def bias_act_backward(
    dy: Any,
    x: Any,
    bias: Any,
    activation: str = "relu",
    *,
    out: Any = None,
    stream: Any = None,
    **parameters: float,
) -> tuple[Any, Any]:
    """`npfuse.bias_act_backward` on a GPU: the gradients with respect to `x` and `bias`, in one pass.

    Parameters
    ----------
    dy : array, shape (..., n)
        Gradient with respect to the output.
    x : array, shape (..., n)
        What `bias_act` was given, before the bias.
    bias : array, shape (n,)
        What `bias_act` was given.
    activation : str, default "relu"
        As for `bias_act`.
    out : array, optional
        Where dx goes; it may be `dy` or `x` itself.
    stream : optional
        As for `bias_act`.
    **parameters : float
        As for `bias_act`.

    Returns
    -------
    dx : array, shape (..., n)
        From the library of `x`, unless `out` is given.
    dbias : array, shape (n,)
        Sum of dx over all rows, in the CPU's order.
    """
    values = parameter_values(activation, parameters)
    with Work("x", x, stream) as work:
        operand = work.take("x", x)
        gradient = work.take("dy", dy, operand.storage)
        if gradient.shape != operand.shape:
            raise ValueError(f"dy: expected the shape of x, {operand.shape}, got {gradient.shape}")
        added = _bias(work, bias, operand)
        numbers = checked_parameters(activation, values, operand.storage)
        result, target = work.output("out", out, operand.shape, operand.storage)
        columns = operand.shape[-1]
        rows = math.prod(operand.shape[:-1])
        dbias, sums = work.allocated((columns,), operand.storage)
        work.native.run_matrix(
            work.place,
            "bias",
            ACTIVATIONS[activation],
            _storage.NUMBERS[operand.storage],
            [
                (work.contiguous(gradient), 0, 0.0),
                (work.contiguous(operand), 0, 0.0),
                (work.contiguous(added), columns, 0.0),
                *((0, 0, number) for number in numbers),
            ],
            work.writing(target),
            sums.pointer,
            work.memory(8 * work.native.scratch_for_matrix("bias", rows, columns)),
            (rows, columns, columns),
        )
    return result, dbias
