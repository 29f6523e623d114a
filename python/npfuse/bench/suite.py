"""Which contests there are: every operation of the library, at every size."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import npfuse as nf
from npfuse import _native
from npfuse.bench.activations import activation_contest, prelu_backward_contest
from npfuse.bench.contest import Contest
from npfuse.bench.gated import gated_contest
from npfuse.bench.losses import NUMPY as LOSSES
from npfuse.bench.losses import loss_contest
from npfuse.bench.optimizers import SETTINGS as OPTIMIZERS
from npfuse.bench.optimizers import optimizer_contest
from npfuse.bench.rows import row_contest

SIZES = (1, 100, 10_000, 100_000, 1_000_000, 20_000_000)
QUICK_SIZES = (1, 100_000)
ROWS = ((256, 1000), (64, 50257))
QUICK_ROWS = ((256, 1000),)


@dataclass(frozen=True)
class Entry:
    """A contest that can be set up: its operation, what it runs on in words and in numbers."""

    operation: str
    workload: str
    numbers: int
    set_up: Callable[[list[str]], Contest]


def benchmarked() -> set[str]:
    """Return the names of all operations that have a benchmark."""
    return {entry.operation for entry in entries(quick=True)}


def entries(quick: bool) -> Iterator[Entry]:
    """Yield every contest."""
    sizes = QUICK_SIZES if quick else SIZES
    rows = QUICK_ROWS if quick else ROWS
    for name in _native.operations.get("activations", []):
        for direction in (name, f"{name}_backward"):
            for n in sizes:
                yield activation_entry(direction, list(_native.activation_parameters[name].values()), n)
    for name in _native.operations.get("gated", []):
        for direction in (name, f"{name}_backward"):
            for n in sizes:
                yield gated_entry(direction, n)
    for name in _native.operations.get("rows", []):
        for direction in (name, f"{name}_backward"):
            for shape in rows:
                for axis in (-1, 0):
                    yield row_entry(direction, shape, axis)
    for name in LOSSES:
        if hasattr(nf, name):
            for loss_shape in rows if name == "softmax_cross_entropy" else [(n,) for n in sizes]:
                yield loss_entry(name, loss_shape)
    for name in OPTIMIZERS:
        if hasattr(nf, name):
            for n in sizes:
                yield optimizer_entry(name, [(n,)])
            yield optimizer_entry(name, [(64,)] * 1000)


def activation_entry(name: str, parameters: list[float], n: int) -> Entry:
    """Name a contest of activations."""
    if name == "prelu_backward":
        return Entry(name, f"{n:,}", n, lambda peers: prelu_backward_contest(n, peers))
    return Entry(name, f"{n:,}", n, lambda peers: activation_contest(name, parameters, n, peers))


def gated_entry(name: str, n: int) -> Entry:
    """Name a contest of gated units."""
    return Entry(name, f"{n:,}", n, lambda peers: gated_contest(name, n, peers))


def row_entry(name: str, shape: tuple[int, int], axis: int) -> Entry:
    """Name a contest along rows."""
    words = f"{shape[0]}×{shape[1]} axis {axis}"
    return Entry(name, words, math.prod(shape), lambda peers: row_contest(name, shape, axis, peers))


def loss_entry(name: str, shape: tuple[int, ...]) -> Entry:
    """Name a contest of losses."""
    words = "×".join(f"{length:,}" for length in shape)
    return Entry(name, words, math.prod(shape), lambda peers: loss_contest(name, shape, peers))


def optimizer_entry(name: str, shapes: list[tuple[int, ...]]) -> Entry:
    """Name a contest of optimizers."""
    numbers = sum(map(math.prod, shapes))
    words = f"{numbers:,}" if len(shapes) == 1 else f"{len(shapes)} arrays of {math.prod(shapes[0])}"
    return Entry(name, words, numbers, lambda peers: optimizer_contest(name, shapes, peers))
