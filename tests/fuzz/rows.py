"""softmax and its kin along any axis."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

import npfuse as nf
from fuzz.bounds import Expected, rounding, unit
from fuzz.cases import Arguments, Case, Operation
from fuzz.choices import Choices
from fuzz.elementwise import dtype_of, numbers
from fuzz.memory import Memory, shape
from fuzz.values import FLOATS, computing, reals
from npfuse import reference
from table import ROWS, RowOperation


def row_shape(choices: Choices) -> tuple[tuple[int, ...], int]:
    """Choose a shape and one of its axes."""
    size = shape(choices, 1)
    axis = choices.below(len(size)) - choices.below(2) * len(size)
    return size, axis


def draw_forward(row: RowOperation, choices: Choices) -> Case:
    function, memory = getattr(nf, row.name), Memory()
    dtype = dtype_of(choices)
    size, axis = row_shape(choices)
    in_place = not row.reduces and choices.rarely(4) and dtype in FLOATS
    arguments: Arguments = {}
    if in_place:
        whole = memory.place(numbers(choices, (size[0] + 1, *size[1:]), dtype), choices)
        arguments["x"] = whole[:-1]
        out = choices.among([whole[:-1], whole[1:], whole[:-1][::-1], whole[1:][..., ::-1]])
    else:
        arguments["x"] = memory.place(numbers(choices, size, dtype), choices, shared=True)
        out = None
        if choices.rarely(4):
            target = tuple(np.delete(size, axis)) if row.reduces else size
            computed = np.asarray(function(np.empty((1, 1), dtype))).dtype
            out = memory.place(np.full(target, 7, computed), choices)
    arguments["axis"] = axis
    if out is not None:
        arguments["out"] = out
    roles = {"x": "array", "axis": "axis", "out": "out"}
    return Case(row.name, function, memory, arguments, partial(forward_truth, row), positional=1, roles=roles)


def forward_truth(row: RowOperation, results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    (result,) = results
    x = np.moveaxis(arguments["x"].astype(result.dtype), arguments["axis"], -1)
    exact = exact_forward(row, x.astype(np.longdouble))
    if not row.reduces:
        result = np.moveaxis(result, arguments["axis"], -1)
    ulp = row.float64_ulp if result.dtype == np.float64 else row.ulp
    scale = np.abs(exact)
    if row.beside_largest_input:
        scale = np.maximum(scale, np.abs(x.astype(np.float64)).max(-1, initial=0))
    yield Expected(result, exact, rounding(scale, result.dtype, ulp))


def exact_forward(row: RowOperation, x: np.ndarray) -> np.ndarray:
    """Return the result along the last axis; rows of no numbers, which have no maximum, sum to 0."""
    if x.shape[-1] == 0:
        return np.full(x.shape[:-1], -np.inf) if row.reduces else x
    with np.errstate(all="ignore"):
        return getattr(reference, row.name)(x)


SIZES = {
    "softmax": lambda dy, y: y * (np.abs(dy) + np.abs(dy * y).sum(-1, keepdims=True)),
    "log_softmax": lambda dy, y: np.abs(dy) + np.exp(y) * np.abs(dy).sum(-1, keepdims=True),
}
"""Of what is subtracted in a derivative: its rounding error is relative to that."""


def draw_backward(row: RowOperation, choices: Choices) -> Case:
    name = f"{row.name}_backward"
    function, memory = getattr(nf, name), Memory()
    dtype = choices.among(FLOATS)
    size, axis = row_shape(choices)
    dy_size = tuple(np.delete(size, axis)) if row.reduces else size
    x = numbers(choices, size, dtype)
    if row.backward_from_output:
        with np.errstate(all="ignore"):
            x = getattr(nf, row.name)(x, axis=axis)
    kinds = ["ordinary", "whole", "special"]
    arguments: Arguments = {
        "dy": memory.place(reals(choices, dy_size, dtype, kinds), choices, shared=True),
        "x": memory.place(x, choices),
    }
    if row.reduces:
        arguments["axes"] = [(), axis, axis]
    else:
        arguments["axis"] = axis
    if choices.rarely(3):
        targets = [memory.place(np.full(size, 7, dtype), choices), arguments["x"]]
        arguments["out"] = choices.among(targets)
    roles = {"dy": "array", "x": "array", "axis": "axis", "out": "out"}
    return Case(name, function, memory, arguments, partial(backward_truth, row), positional=2, roles=roles)


def backward_truth(row: RowOperation, results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    if arguments["x"].size == 0:
        return
    (result,) = results
    axis = arguments["axes"][1] if row.reduces else arguments["axis"]
    dy, x = arguments["dy"].astype(np.longdouble), np.moveaxis(arguments["x"].astype(np.longdouble), axis, -1)
    dy = dy if row.reduces else np.moveaxis(dy, axis, -1)
    with np.errstate(all="ignore"):
        exact = getattr(reference, f"{row.name}_backward")(dy, x)
        size = SIZES.get(row.name, lambda *_: np.abs(exact))(dy, x)
    usable = np.isfinite(exact) & np.isfinite(size)
    result = np.moveaxis(result, axis, -1)
    eps = float(np.finfo(computing(result.dtype)).eps)
    allowed = rounding(exact, result.dtype, 4) + 4 * eps * size + unit(0.0, result.dtype)
    yield Expected(result, np.where(usable, exact, result), allowed)


OPERATIONS = [Operation(row.name, partial(draw_forward, row)) for row in ROWS] + [
    Operation(f"{row.name}_backward", partial(draw_backward, row)) for row in ROWS
]
