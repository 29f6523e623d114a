"""bias_act, glu, maxout and prelu_backward: what a layer computes besides its activation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

import npfuse as nf
from fuzz.bounds import EPS64, Expected, rounding, unit
from fuzz.cases import Arguments, Case, Operation
from fuzz.choices import Choices
from fuzz.elementwise import dtype_of, numbers
from fuzz.memory import Memory, shape
from fuzz.values import FLOATS, computing, reals
from npfuse import _native
from table import DEFAULT_KERNELS

TAME = ["ordinary", "large", "whole"]
ACTIVATIONS = sorted(_native.bias_forward_ufuncs)
BOUNDS = {(kernel.activation.name, kernel.backward): kernel for kernel in DEFAULT_KERNELS}


def finite(dtype: np.dtype, *operands: np.ndarray) -> np.ndarray:
    usable = np.ones((), bool)
    for operand in operands:
        usable = usable & np.isfinite(operand.astype(np.float64))
    return usable


def outcome(choices: Choices, memory: Memory, like: np.ndarray, operands: list[np.ndarray]) -> np.ndarray:
    """Choose where a result of this shape and dtype goes: to memory of its own, or to an operand's."""
    fitting = [array for array in operands if array.shape == like.shape and array.dtype == like.dtype]
    return choices.among([memory.place(np.full(like.shape, 7, like.dtype), choices), *fitting])


def draw_bias_act(backward: bool, choices: Choices) -> Case:
    name = "bias_act_backward" if backward else "bias_act"
    memory, dtype = Memory(), choices.among(FLOATS)
    size = shape(choices, 1)
    names = ["dy", "x"] if backward else ["x"]
    arguments: Arguments = {n: memory.place(reals(choices, size, dtype, TAME), choices) for n in names}
    arguments["bias"] = memory.place(reals(choices, size[-1:], dtype, TAME), choices, shared=True)
    arguments["activation"] = choices.among(ACTIVATIONS)
    if choices.rarely(3):
        like = np.empty(size, dtype)
        arguments["out"] = outcome(choices, memory, like, [arguments[n] for n in names])
    roles = {"dy": "array", "x": "array", "bias": "array", "activation": "choice", "out": "out"}
    check = partial(bias_truth, backward)
    return Case(name, getattr(nf, name), memory, arguments, check, positional=len(names) + 2, roles=roles)


def bias_truth(backward: bool, results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    """Hold bias_act to its activation, itself held to the reference elsewhere, of the sum in the computing type."""
    x = arguments["x"]
    dtype, wide = x.dtype, computing(x.dtype)
    total = x.astype(wide) + arguments["bias"].astype(wide)
    defaults = [wide.type(value) for value in _native.activation_parameters[arguments["activation"]].values()]
    activation = arguments["activation"] + "_backward" * backward
    first = (arguments["dy"].astype(wide),) if backward else ()
    function = getattr(nf, activation)
    exact = function(*first, total, *defaults)
    if isinstance(exact, tuple):
        exact = exact[0]
    yield Expected(results[0], exact.astype(dtype).astype(np.longdouble), 0.0)
    if backward:
        columns = exact.reshape(int(np.prod(exact.shape[:-1])), exact.shape[-1]).astype(np.longdouble)
        sums, sizes = columns.sum(0), np.abs(columns).sum(0)
        allowed = rounding(sums, results[1].dtype, 1) + 4 * EPS64 * sizes
        # The elements are summed before or after they are rounded to a half type.
        allowed = allowed + sizes * (float(unit(1.0, dtype)) if dtype.itemsize == 2 else 0)
        yield Expected(results[1], np.where(np.isfinite(sums), sums, results[1]), allowed)


def draw_glu(backward: bool, choices: Choices) -> Case:
    name = "glu_backward" if backward else "glu"
    memory, dtype = Memory(), choices.among(FLOATS)
    half, axis = list(shape(choices, 1)), 0
    axis = choices.below(len(half))
    size = [2 * n if d == axis else n for d, n in enumerate(half)]
    arguments: Arguments = {}
    if backward:
        arguments["dy"] = memory.place(reals(choices, tuple(half), dtype, TAME), choices, shared=True)
    arguments["x"] = memory.place(reals(choices, tuple(size), dtype, TAME), choices, shared=True)
    arguments["axis"] = axis - choices.below(2) * len(half)
    roles = {"dy": "array", "x": "array", "axis": "axis"}
    return Case(name, getattr(nf, name), memory, arguments, partial(glu_truth, backward), roles=roles)


def glu_truth(backward: bool, results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    axis = arguments["axis"]
    values, gate = np.split(arguments["x"], 2, axis)
    if backward:
        dgate, dvalues = nf.sigmoid_glu_backward(arguments["dy"], gate, values)
        expected = np.concatenate([dvalues, dgate], axis)
    else:
        expected = nf.sigmoid_glu(gate, values)
    yield Expected(results[0], expected.astype(np.longdouble), 0.0)


def draw_maxout(choices: Choices) -> Case:
    memory, dtype = Memory(), dtype_of(choices)
    pieces = choices.among([1, 2, 3, 5, 16, 40])
    parts = list(shape(choices, 1))
    axis = choices.below(len(parts))
    size = tuple(pieces * n if d == axis else n for d, n in enumerate(parts))
    arguments: Arguments = {
        "x": memory.place(numbers(choices, size, dtype), choices, shared=True),
        "pieces": pieces,
        "axis": axis - choices.below(2) * len(parts),
        "return_index": bool(choices.below(2)),
    }
    roles = {"x": "array", "pieces": "count", "axis": "axis"}
    return Case("maxout", nf.maxout, memory, arguments, maxout_truth, roles=roles)


def maxout_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    x = np.moveaxis(arguments["x"].astype(results[0].dtype), arguments["axis"], -1)
    split = x.reshape(*x.shape[:-1], -1, arguments["pieces"]) if x.size else x[..., :0, None]
    if not split.size:
        return
    split = split.astype(np.float64)
    winner = np.where(np.isnan(split).any(-1), np.isnan(split).argmax(-1), split.argmax(-1))
    exact = np.take_along_axis(split, winner[..., None], -1)[..., 0]
    yield Expected(np.moveaxis(results[0], arguments["axis"], -1), exact, 0.0)
    if arguments["return_index"]:
        yield Expected(np.moveaxis(results[1], arguments["axis"], -1).astype(np.float64), winner, 0.0)


def draw_maxout_backward(choices: Choices) -> Case:
    memory, dtype = Memory(), choices.among(FLOATS)
    size, pieces = shape(choices, 1), choices.among([1, 2, 3, 5, 16])
    index_dtype = np.dtype(choices.among("ilqhBQ"))
    arguments: Arguments = {
        "dy": memory.place(reals(choices, size, dtype), choices, shared=True),
        "index": memory.place(choices.numbers().integers(0, pieces, size).astype(index_dtype), choices, shared=True),
        "pieces": pieces,
        "axis": choices.below(len(size)) - choices.below(2) * len(size),
    }
    roles = {"dy": "array", "index": "labels", "pieces": "count", "axis": "axis"}
    return Case("maxout_backward", nf.maxout_backward, memory, arguments, maxout_backward_truth, roles=roles)


def maxout_backward_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    dy, index = (np.moveaxis(arguments[name], arguments["axis"], -1) for name in ("dy", "index"))
    won = index[..., None] == np.arange(arguments["pieces"])
    exact = np.where(won, dy.astype(np.float64)[..., None], 0).reshape(
        *dy.shape[:-1], dy.shape[-1] * arguments["pieces"]
    )
    yield Expected(np.moveaxis(results[0], arguments["axis"], -1), exact, 0.0)


def draw_prelu_backward(choices: Choices) -> Case:
    memory, dtype = Memory(), choices.among(FLOATS)
    size = shape(choices)
    own = size[choices.below(len(size) + 1) :]
    own = tuple(1 if choices.rarely(3) else n for n in own)
    slope: Any = memory.place(reals(choices, own, dtype, ["ordinary", "whole"]), choices, shared=True)
    if own == () and choices.below(2):
        slope = 0.25
    arguments: Arguments = {
        "dy": memory.place(reals(choices, size, dtype, TAME), choices, shared=True),
        "x": memory.place(reals(choices, size, dtype, TAME), choices, shared=True),
        "slope": slope,
    }
    roles = {"dy": "array", "x": "array", "slope": "array"}
    return Case("prelu_backward", nf.prelu_backward, memory, arguments, prelu_truth, roles=roles)


def prelu_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    dtype, wide = arguments["x"].dtype, computing(arguments["x"].dtype)
    slope = arguments["slope"]
    slope = slope if isinstance(slope, np.ndarray) else np.asarray(slope).astype(wide)
    dy, x, slope = (array.astype(np.longdouble) for array in (arguments["dy"], arguments["x"], slope))
    dx = np.where(x > 0, dy, dy * slope)
    usable = finite(dtype, dy, x)
    yield Expected(results[0], np.where(usable, dx, results[0]), rounding(dx, dtype, 1))
    padded = (1,) * (x.ndim - slope.ndim) + slope.shape
    axes = tuple(axis for axis, (own, n) in enumerate(zip(padded, x.shape, strict=True)) if own == 1 and n != 1)
    terms = np.where(x > 0, 0, dy * x)
    sums, sizes = (part.sum(axis=axes).reshape(slope.shape) for part in (terms, np.abs(terms)))
    sums = np.where(np.isfinite(sums), sums, results[1])
    # An element's share is computed in the computing type.
    allowed = rounding(sums, dtype, 1) + sizes * (EPS64 * 4 + float(np.finfo(wide).eps)) + unit(0.0, wide) * x.size
    yield Expected(results[1], sums, allowed)


OPERATIONS = [
    Operation("bias_act", partial(draw_bias_act, False)),
    Operation("bias_act_backward", partial(draw_bias_act, True)),
    Operation("glu", partial(draw_glu, False)),
    Operation("glu_backward", partial(draw_glu, True)),
    Operation("maxout", draw_maxout),
    Operation("maxout_backward", draw_maxout_backward),
    Operation("prelu_backward", draw_prelu_backward),
]
