"""Activations, their derivatives and gated units: calls as of any ufunc."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

import npfuse as nf
from fuzz.bounds import EPS64, SMALLEST64, Expected, rounding, unit
from fuzz.cases import Arguments, Case, Operation
from fuzz.choices import Choices
from fuzz.memory import Memory, length, narrower, shape
from fuzz.values import FLOATS, INTEGERS, computing, integers, reals
from npfuse import reference
from table import GATED, KERNELS, Gated, Kernel

Exact = Callable[[np.dtype, list[np.ndarray]], list[tuple[np.ndarray, np.ndarray]]]
"""From the computing dtype and the operands in float64 to each result and what is allowed."""


def dtype_of(choices: Choices) -> np.dtype:
    return choices.among([*FLOATS, *FLOATS, choices.among([*INTEGERS, np.dtype(bool)])])


def numbers(choices: Choices, size: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return integers(choices, size, dtype) if dtype.kind in "iub" else reals(choices, size, dtype)


def draw_call(
    choices: Choices, name: str, operands: list[str], parameters: tuple[float, ...], outputs: int, exact: Exact
) -> Case:
    """Draw a call of a ufunc, or of what has its signature."""
    function, memory = getattr(nf, name), Memory()
    size, dtype = shape(choices), dtype_of(choices)
    arguments: Arguments = {}
    whole = None
    for i, operand in enumerate(operands):
        own = size if i == 0 else narrower(choices, size)
        other = np.dtype(choices.among(["f4", "f8"])) if choices.rarely(12) else dtype
        if i == 0 and size and dtype.kind not in "iub" and choices.rarely(5):
            whole = memory.place(numbers(choices, (size[0] + 1, *size[1:]), dtype), choices)
            arguments[operand] = whole[:-1]
        elif not own and choices.rarely(3) and dtype.kind != "b":
            arguments[operand] = numbers(choices, (), other)[()]
        else:
            arguments[operand] = memory.place(numbers(choices, own, other), choices, shared=True)
    for i, value in enumerate(parameters):
        kind = choices.among(["number", "number", "scalar", "array"])
        scalar = (dtype if dtype in FLOATS else np.dtype(np.float32)).type(value)
        if kind == "array":
            column = np.full(narrower(choices, size) if choices.below(2) else (), scalar)
            arguments[f"parameter{i}"] = memory.place(column, choices, shared=True)
        else:
            arguments[f"parameter{i}"] = float(value) if kind == "number" else scalar
    positional = len(arguments)
    given = list(arguments.values())
    with np.errstate(all="ignore"):
        computed = np.asarray(flat_first(function(*[value_of_none(value) for value in given]))).dtype
    shape_out = np.broadcast_shapes(*(np.shape(value) for value in given))
    keywords: Arguments = {}
    if choices.rarely(10) and dtype in FLOATS:
        computed = choices.among([np.dtype(np.float32), np.dtype(np.float64)])
        keywords["dtype"] = computed
        keywords["casting"] = "unsafe"
    if choices.rarely(3) or whole is not None:
        outs = [memory.place(np.full(shape_out, 7, computed), choices) for _ in range(outputs)]
        if whole is not None and shape_out == size and outputs == 1:
            outs = [choices.among([whole[:-1], whole[1:], whole[:-1][::-1], whole[1:][..., ::-1]])]
        keywords["out"] = outs[0] if outputs == 1 and choices.below(2) else tuple(outs)
        # NumPy itself rounds what a mask leaves alone where it casts and buffers at once.
        if choices.rarely(4) and not ("dtype" in keywords and whole is not None):
            mask = choices.numbers().random(narrower(choices, shape_out)) < 0.5
            keywords["where"] = memory.place(mask, choices, shared=True)
    arguments = {**arguments, **keywords}
    check = partial(truths, computed, positional, exact, arguments.get("out"))
    roles = dict.fromkeys(operands, "array") | {"out": "out", "where": "mask"}
    return Case(name, function, memory, arguments, check, positional=positional, roles=roles)


def value_of_none(value: Any) -> Any:
    """Return an empty array of an array's dtype, or one of no dimension, which promotes less in NumPy 1; a number."""
    if not isinstance(value, np.ndarray):
        return value
    return np.empty(0, value.dtype) if value.ndim else np.zeros((), value.dtype)


def flat_first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def truths(
    computed: np.dtype, positional: int, exact: Exact, out: Any, results: list[np.ndarray], arguments: Arguments
) -> Iterable[Expected]:
    operands = []
    for value in list(arguments.values())[:positional]:
        # A Python number is rounded to what is computed in, an array or scalar to what is stored.
        rounded = np.asarray(value).astype(
            computed if isinstance(value, (np.ndarray, np.generic)) else computing(computed)
        )
        operands.append(rounded.astype(np.float64))
    usable = np.ones((), bool)
    for operand in operands:
        usable = usable & np.isfinite(operand)
    usable = usable & arguments.get("where", np.True_)
    for result, (truth, allowed) in zip(results, exact(computed, operands), strict=True):
        # The reference's NaN for finite numbers is its own overflow: all it says is that there is a number.
        known = usable & np.isfinite(truth)
        if result.dtype.itemsize > computed.itemsize:  # what is beyond the computing type is infinite
            known = known & (np.abs(truth) < float(np.finfo(computed).max))
        if result.dtype != computed:
            allowed = allowed + unit(truth, result.dtype)
        yield Expected(result, np.where(known, truth, result), np.where(known, allowed, 0))
        nan = np.isnan(result.astype(np.float64)) & usable
        yield Expected(nan.astype(np.float64), np.zeros(()), 0.0)


def exact_kernel(kernel: Kernel, dtype: np.dtype, operands: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    wide, backward = computing(dtype), kernel.backward
    dy, x, parameters = (operands[0], operands[1], operands[2:]) if backward else (1.0, operands[0], operands[1:])
    first = (np.float64(1),) if backward else ()
    slope = kernel.reference(*first, x, *parameters)
    if isinstance(slope, tuple):
        slope = slope[0]
    exact = dy * slope
    spread = sum(np.abs(kernel.reference(*first, x * (1 + sign * 2 * EPS64), *parameters) - slope) for sign in (-1, 1))
    absolute = 64 * EPS64 * np.minimum(np.abs(x) + 1, 100) + spread
    if kernel.backward and kernel.activation.slope_zero:
        zero = np.vectorize(kernel.activation.slope_zero, otypes=[float])(*parameters)
        absolute = absolute + np.where(np.abs(x - zero) < np.abs(zero), float(np.finfo(wide).eps) / 2, 0)
    relative = kernel.ulp * unit(slope, wide)
    return [(exact, rounding(exact, dtype, 1) + np.abs(dy) * (relative + absolute))]


def exact_gated(gated: Gated, backward: bool, dtype: np.dtype, operands: list[np.ndarray]) -> list[Any]:
    exact = getattr(reference, gated.name + "_backward" * backward)(*operands)
    *dy, gate, x = operands
    cancelled = 256 * EPS64 * np.minimum(np.abs(gate) + 1, 100)
    if not backward:
        return [(exact, rounding(exact, dtype, gated.forward_ulp) + cancelled * np.abs(x))]
    dgate, dx = exact
    # Where a slope crosses zero its error is absolute, and the exact values are of float64, with its subnormal numbers.
    crossing = float(np.finfo(computing(dtype)).eps) * np.abs(dy[0] * x) + 16 * SMALLEST64
    return [
        (dgate, rounding(dgate, dtype, gated.backward_ulp) + crossing),
        (dx, rounding(dx, dtype, gated.backward_ulp) + cancelled * np.abs(dy[0])),
    ]


def draw_kernel(kernel: Kernel, choices: Choices) -> Case:
    operands = ["dy", "x"] if kernel.backward else ["x"]
    return draw_call(choices, kernel.name, operands, kernel.parameters, 1, partial(exact_kernel, kernel))


def draw_gated(gated: Gated, backward: bool, choices: Choices) -> Case:
    operands = ["dy", "gate", "x"] if backward else ["gate", "x"]
    name = gated.name + "_backward" * backward
    return draw_call(choices, name, operands, (), 1 + backward, partial(exact_gated, gated, backward))


def apply(name, method, x, more):
    """Call a method of a ufunc; a refusal is a result."""
    try:
        result = getattr(getattr(nf, name), method)(x, *more)
    except (TypeError, ValueError, AttributeError):
        return "refused"
    return x if method == "at" else result


METHODS = ["reduce", "accumulate", "reduceat", "outer", "at"]


def draw_method(method: str, choices: Choices) -> Case:
    name = choices.among([*(kernel.name for kernel in KERNELS), *(gated.name for gated in GATED)])
    memory, dtype, size = Memory(), choices.among(FLOATS), (1 + length(choices) % 100,)
    x = memory.place(reals(choices, size, dtype, ["ordinary"]), choices)
    indices = memory.place(np.unique(choices.numbers().integers(0, size[0], 5)), choices)
    other = memory.place(reals(choices, (3,), dtype, ["ordinary"]), choices)
    more = {"reduceat": [indices], "at": [indices], "outer": [other]}.get(method, [])
    arguments = {"name": name, "method": method, "x": x, "more": more}
    return Case(f"ufunc.{method}", apply, memory, arguments, method_truth, ("x",) if method == "at" else (), 4)


def method_truth(results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    """What a method returns is what calls of the function return."""
    (result,), function, x = results, getattr(nf, arguments["name"]), arguments["x"]
    method, more = arguments["method"], arguments["more"]
    if result.dtype.kind == "U":
        return
    if method == "outer":
        exact = function(x[:, None], more[0])
    elif method == "reduce":
        exact = functools.reduce(function, x)
    elif method == "accumulate":
        exact = np.array(list(itertools.accumulate(x, function)))
    elif method == "reduceat":
        parts = zip(more[0], [*more[0][1:], len(x)], strict=True)
        exact = np.array([functools.reduce(function, x[begin : max(end, begin + 1)]) for begin, end in parts])
    else:
        return  # x has been replaced; that its layout did not matter is all there is to see
    yield Expected(result, np.asarray(exact).astype(np.float64), 0.0)


OPERATIONS = [
    *(Operation(kernel.name, partial(draw_kernel, kernel)) for kernel in KERNELS),
    *(
        Operation(gated.name + "_backward" * backward, partial(draw_gated, gated, backward))
        for gated in GATED
        for backward in (False, True)
    ),
    *(Operation(f"ufunc.{method}", partial(draw_method, method)) for method in METHODS),
]
