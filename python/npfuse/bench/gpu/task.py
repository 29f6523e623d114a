"""One operation on one kind of arrays: what it needs, and how we and the other libraries are asked for it."""

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npfuse import reference

Array = NDArray[Any]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Task:
    """An operation to be timed. Arrays are made on the CPU, whose kernels say what the results must be."""

    family: str
    operation: str
    workload: str
    numbers: int
    make: Callable[[], list[Array]]
    """Makes operands and outputs."""
    ours: Callable[[Any, list[Any]], Call]
    """Given npfuse or npfuse.cuda, and the arrays there."""
    moved_besides: int = 0
    """Bytes that are moved besides each array once: what is read and written, states, and what a call allocates."""
    torch: Callable[[list[Any]], dict[str, Call]] | None = None
    """Given torch's tensors: its ways by their names."""
    reference: Callable[[list[Any]], Call] | None = None
    """Given arrays of a library that has NumPy's functions."""


def normal(shape: tuple[int, ...], dtype: Any, seed: int, scale: float = 1) -> Array:
    """Return normal numbers, a few of them over and over."""
    drawn = min(math.prod(shape), 2**20)
    return np.resize(np.random.default_rng(seed).normal(scale=scale, size=drawn).astype(dtype), shape)


def calling(name: str, parameters: Sequence[float], inputs: int) -> Callable[[Any, list[Any]], Call]:
    """Return how a function of ours is called: its operands come first among the arrays, its outputs after them."""

    def ours(kernels: Any, arrays: list[Any]) -> Call:
        function, outs = getattr(kernels, name), arrays[inputs:]
        out = outs[0] if len(outs) == 1 else tuple(outs)
        return lambda: function(*arrays[:inputs], *parameters, out=out)

    return ours


def plain(name: str, parameters: Sequence[float], inputs: int) -> Callable[[list[Any]], Call]:
    """Return how the reference formula of that name is called."""

    def formula(arrays: list[Any]) -> Call:
        return lambda: getattr(reference, name)(*arrays[:inputs], *parameters)

    return formula


def torch_module() -> Any:
    """Return torch, which is imported only where it takes part."""
    return importlib.import_module("torch")
