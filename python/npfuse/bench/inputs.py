"""What a call costs on other inputs than ordinary float32: subnormals, infinities, NaN, half types."""

import importlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse import _native
from npfuse.bench.bar import Bar, worst
from npfuse.bench.losses import ROW_LOSSES, loss_operands
from npfuse.bench.optimizers import OPTIMIZERS, make
from npfuse.bench.suite import BEYOND_CACHE, IN_CACHE, ROWS, both_ways
from npfuse.bench.timing import best_times

Array = NDArray[Any]
Fill = Callable[[Array], Array]
Call = Callable[[], object]

SUBNORMAL = np.float32(1e-39)

FILLS: dict[str, Fill] = {
    "ordinary numbers": lambda x: x,
    "subnormals": lambda x: x * SUBNORMAL,
    "infinities": lambda x: np.copysign(np.float32(np.inf), x),
    "NaN": lambda x: np.full_like(x, np.nan),
}
"""What becomes of normal numbers in each kind of input."""


def normal(shape: tuple[int, ...]) -> Array:
    """Return ordinary numbers."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def elementwise_call(name: str, count: int, fill: Fill) -> Call:
    """Call an activation or gated unit, with its default parameters, or its derivative, of so many operands."""
    operands = [fill(operand) for operand in normal((count, IN_CACHE))]
    parameters = _native.activation_parameters.get(name.removesuffix("_backward"), {}).values()
    function = getattr(nf, name)
    if name == "prelu_backward":
        return lambda: function(*operands, *parameters)
    out = tuple(np.empty_like(operands[0]) for _ in range(2 if count == 3 else 1))
    return lambda: function(*operands, *parameters, out=out)


def row_call(name: str, fill: Fill) -> Call:
    """Call an operation along rows."""
    function, x = getattr(nf, name), fill(normal(ROWS))
    return lambda: function(x)


def loss_call(name: str, fill: Fill) -> Call:
    """Call a loss for value and gradient, the predictions being filled."""
    (pred, target), named = loss_operands(name, ROWS if name in ROW_LOSSES else (IN_CACHE,))
    function, filled, out = getattr(nf, name).value_and_grad, fill(pred), np.empty_like(pred)
    return lambda: function(filled, target, **named, out=out)


def elementwise(names: Collection[str]) -> dict[str, Callable[[Fill], Call]]:
    """Return those of the names that are activations and gated units, with what sets them up on an input."""
    counts = {
        name: count
        for family, operands in (("activations", 1), ("gated", 2))
        for forward in _native.operations[family]
        for count, name in enumerate(both_ways(forward), start=operands)
    }
    return {name: partial(elementwise_call, name, count) for name, count in counts.items() if name in names}


def everything(names: Collection[str]) -> dict[str, Callable[[Fill], Call]]:
    """Return operations along rows and losses, too."""
    rows = {name: partial(row_call, name) for name in _native.operations["rows"] if name in names}
    losses = {name: partial(loss_call, name) for name in nf.losses.__all__ if name in names}
    return {**elementwise(names), **rows, **losses}


def hard_numbers(names: Collection[str]) -> Iterator[Bar]:
    """Compare every operation on arrays full of hard numbers with itself on ordinary ones."""
    slowdown: dict[str, float] = {}
    for name, set_up in everything(names).items():
        with np.errstate(all="ignore"):
            times = best_times({kind: set_up(fill) for kind, fill in FILLS.items()}, rounds=15, seconds=0.001)
        ordinary = times.pop("ordinary numbers")
        slowdown.update({f"{name} of {kind}": t / ordinary for kind, t in times.items()})
    yield from worst("hard over ordinary numbers", slowdown, 1.2)


def half_types(names: Collection[str]) -> Iterator[Bar]:
    """Compare the elementwise operations on half types with the same on float32."""
    dtypes = [np.dtype(np.float32), np.dtype(np.float16)]
    if _native.config()["bfloat16"]:
        dtypes.append(np.dtype(importlib.import_module("ml_dtypes").bfloat16))
    extra: dict[str, float] = {}
    for name, set_up in elementwise(names).items():
        calls = {str(dtype): set_up(partial(np.ndarray.astype, dtype=dtype)) for dtype in dtypes}
        times = best_times(calls, rounds=15, seconds=0.001)
        single = times.pop("float32")
        extra.update({f"{name} of {dtype}": t / single for dtype, t in times.items()})
    yield from worst("half types over float32", extra, 1.5)


STATES_AND_GRADIENTS = {
    "ordinary": (1.0, 1.0),
    "states": (float(SUBNORMAL), 0.0),
    "states and gradients": (float(SUBNORMAL), float(SUBNORMAL)),
}
"""The size of all states and of the gradients; states shrink to subnormals where gradients stay away."""


def step_seconds(name: str) -> dict[str, float]:
    """Return the least time of a step of each kind, all in the same memory, which is filled anew before every step."""
    noise = normal((BEYOND_CACHE,))
    param, grad = np.zeros_like(noise), np.zeros_like(noise)
    optimizer = make(name, [param])
    shortest = dict.fromkeys(STATES_AND_GRADIENTS, float("inf"))
    for _ in range(25):
        for kind, (of_states, of_gradients) in STATES_AND_GRADIENTS.items():
            np.multiply(noise, np.float32(of_gradients), out=grad)
            param.fill(1)
            for array in optimizer.state[0].values():
                array.fill(of_states)
            start = perf_counter()
            optimizer.step([grad])
            shortest[kind] = min(shortest[kind], perf_counter() - start)
    return shortest


def subnormal_states(names: Collection[str]) -> Iterator[Bar]:
    """Compare steps on subnormals with steps on ordinary numbers."""
    slowdown = {}
    for name in OPTIMIZERS:
        if name in names:
            times = step_seconds(name)
            ordinary = times.pop("ordinary")
            slowdown.update({f"{name}, {kind}": t / ordinary for kind, t in times.items()})
    yield from worst("step on subnormals over one on ordinary numbers", slowdown, 1.2)
