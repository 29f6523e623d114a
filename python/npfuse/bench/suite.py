"""Which contests there are: every operation of the library, at every size."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import npfuse as nf
from npfuse import _native
from npfuse.bench.activations import activation_contest, prelu_backward_contest
from npfuse.bench.bias import bias_contest
from npfuse.bench.contest import Contest
from npfuse.bench.gated import gated_contest, glu_contest
from npfuse.bench.losses import ROW_LOSSES, loss_contest
from npfuse.bench.maxout import maxout_contest
from npfuse.bench.norm import norm_contest
from npfuse.bench.optimizers import OPTIMIZERS, Shapes, optimizer_contest
from npfuse.bench.rows import row_contest

IN_CACHE, BEYOND_CACHE, LARGE = 100_000, 1_000_000, 20_000_000
LARGE_SIZES = (BEYOND_CACHE, LARGE)
SIZES = (1, 100, 10_000, IN_CACHE, *LARGE_SIZES)
ROWS, LONG_ROWS = (256, 1000), (64, 50257)
SHORT_ROWS = [(10_000, 10), (3000, 32), (1000, 100)]
MANY_SMALL: Shapes = [(64,)] * 1000
MIXED: Shapes = [(64,), (64, 64)] * 100


@dataclass(frozen=True)
class Entry:
    """A contest that can be set up: its family and operation, what it runs on in words and in numbers."""

    family: str
    operation: str
    workload: str
    numbers: int
    set_up: Callable[[list[str]], Contest]


def benchmarked() -> set[str]:
    """Return the names of all operations that have a benchmark."""
    return {entry.operation for entry in entries(quick=True)}


def entries(quick: bool) -> Iterator[Entry]:
    """Yield every contest; the quick ones are those that the promises (bars.py) are about, but for the largest."""
    yield from activations((1, IN_CACHE) if quick else SIZES)
    yield from gated((IN_CACHE,) if quick else SIZES)
    yield from rows([ROWS] if quick else [ROWS, LONG_ROWS], [] if quick else SHORT_ROWS)
    yield from biases(["relu", "gelu"] if quick else list(_native.bias_forward_ufuncs))
    yield from losses((100, BEYOND_CACHE) if quick else SIZES, [ROWS] if quick else [*SHORT_ROWS, ROWS, LONG_ROWS])
    one_array: list[Shapes] = [[(n,)] for n in ((BEYOND_CACHE,) if quick else (1, 10_000, *LARGE_SIZES))]
    yield from steps([*one_array, MANY_SMALL, MIXED])


def both_ways(name: str) -> tuple[str, str]:
    """Return the names of an operation and its derivative."""
    return name, f"{name}_backward"


def in_words(shape: tuple[int, ...]) -> str:
    """Return a shape as one says it."""
    return "×".join(f"{length:,}" if len(shape) == 1 else str(length) for length in shape)


def arrays_in_words(shapes: Shapes) -> str:
    """Return the shapes of several arrays as one says them."""
    kinds = " and ".join(dict.fromkeys(map(in_words, shapes)))
    return kinds if len(shapes) == 1 else f"{len(shapes)} of {kinds}"


def activations(sizes: tuple[int, ...]) -> Iterator[Entry]:
    """Yield the elementwise operations."""
    for forward in _native.operations["activations"]:
        parameters = list(_native.activation_parameters[forward].values())
        for name in both_ways(forward):
            contest = (
                prelu_backward_contest if name == "prelu_backward" else partial(activation_contest, name, parameters)
            )
            for n in sizes:
                yield Entry("activations", name, in_words((n,)), n, partial(contest, n))


def gated(sizes: tuple[int, ...]) -> Iterator[Entry]:
    """Yield the gated units, of two arrays and of one."""
    for forward in _native.operations["gated"]:
        for name in both_ways(forward):
            for n in sizes:
                yield Entry("gated", name, in_words((n,)), n, partial(gated_contest, name, n))
    for name in both_ways("glu"):
        yield Entry("gated", name, in_words(ROWS), math.prod(ROWS), partial(glu_contest, name, ROWS))


def rows(along_both: list[tuple[int, int]], along_last: list[tuple[int, int]]) -> Iterator[Entry]:
    """Yield the operations along an axis: of some shapes along either, of others along the last."""
    places = [(shape, -1) for shape in along_last] + [(shape, axis) for shape in along_both for axis in (-1, 0)]
    for forward in _native.operations["rows"]:
        for name in both_ways(forward):
            for shape, axis in places:
                words = f"{in_words(shape)} axis {axis}"
                yield Entry("rows", name, words, math.prod(shape), partial(row_contest, name, shape, axis))
    for name in both_ways("maxout"):
        yield Entry("rows", name, in_words(ROWS), math.prod(ROWS), partial(maxout_contest, name, ROWS))


def biases(names: list[str]) -> Iterator[Entry]:
    """Yield the activations fused with a bias."""
    for activation in names:
        for name in both_ways("bias_act"):
            words = f"{activation} {in_words(ROWS)}"
            yield Entry("bias", name, words, math.prod(ROWS), partial(bias_contest, name, activation, ROWS))


def losses(sizes: tuple[int, ...], row_shapes: list[tuple[int, int]]) -> Iterator[Entry]:
    """Yield the losses with their gradients."""
    for name in nf.losses.__all__:
        shapes: list[tuple[int, ...]] = [*row_shapes] if name in ROW_LOSSES else [(n,) for n in sizes]
        for shape in shapes:
            yield Entry("losses", name, in_words(shape), math.prod(shape), partial(loss_contest, name, shape))


def steps(shapes: list[Shapes]) -> Iterator[Entry]:
    """Yield the optimizers' steps, and the norm that gradients are clipped by."""
    for arrays in shapes:
        numbers = sum(map(math.prod, arrays))
        yield Entry("norms", "global_norm", arrays_in_words(arrays), numbers, partial(norm_contest, arrays))
    for name in OPTIMIZERS:
        for arrays in shapes:
            numbers = sum(map(math.prod, arrays))
            contest = partial(optimizer_contest, name, arrays)
            yield Entry("optimizers", name, arrays_in_words(arrays), numbers, contest)
