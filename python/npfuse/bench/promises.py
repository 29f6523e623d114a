"""What is promised of the contests: how many times our time the peers take."""

from collections.abc import Callable, Iterator, Sequence

from npfuse.bench.bar import Bar, geometric_mean, worst
from npfuse.bench.contest import OURS
from npfuse.bench.losses import ROW_LOSSES
from npfuse.bench.report import Result
from npfuse.bench.suite import (
    BEYOND_CACHE,
    IN_CACHE,
    LONG_ROWS,
    MANY_SMALL,
    MIXED,
    ROWS,
    arrays_in_words,
    in_words,
)

FUSED = "torch fused"
OVER_FUSED = {"Adam": 1.4, "AdamW": 1.4, "SGD": 1.2, "Adagrad": 1.2}
"""What is promised over torch's fused steps; all others are promised over the best of torch's ways."""


def judge(results: Sequence[Result]) -> Iterator[Bar]:
    """Yield every bar that these results tell something about."""
    for family in (elementwise, rows, losses, optimizers):
        yield from family(results)


def over_best_peer(results: Sequence[Result], wanted: Callable[[Result], bool]) -> dict[str, float]:
    """Return the best peer's time over ours of the results that are wanted, by name."""
    return {f"{r.operation} of {r.workload}": r.ratio for r in results if r.ratio is not None and wanted(r)}


def elementwise(results: Sequence[Result]) -> Iterator[Bar]:
    """Judge activations and gated units in cache."""
    ratios = over_best_peer(results, lambda r: r.family in ("activations", "gated") and r.numbers == IN_CACHE)
    if ratios:
        yield Bar(
            "activations in cache, geometric mean over the best peer", geometric_mean(ratios.values()), 2, at_least=True
        )
    yield from worst("activations in cache over the best peer", ratios, 1, at_least=True)


def rows(results: Sequence[Result]) -> Iterator[Bar]:
    """Judge softmax and its logarithm on long rows, along both axes."""
    shapes = tuple(map(in_words, (ROWS, LONG_ROWS)))
    ratios = over_best_peer(
        results, lambda r: r.operation in ("softmax", "log_softmax") and r.workload.startswith(shapes)
    )
    yield from worst("rows over the best peer", ratios, 1.3, at_least=True)


def losses(results: Sequence[Result]) -> Iterator[Bar]:
    """Judge value and gradient of large arrays, of rows, and the cost of a call."""
    mine = [r for r in results if r.family == "losses"]
    large = over_best_peer(mine, lambda r: r.operation not in ROW_LOSSES and r.numbers >= BEYOND_CACHE)
    if large:
        mean = geometric_mean(large.values())
        yield Bar("losses over the best peer: geometric mean", mean, 3, at_least=True)
    yield from worst("losses over the best peer", large, 1.3, at_least=True)
    by_rows = over_best_peer(
        mine,
        lambda r: r.operation == "softmax_cross_entropy" and r.workload in map(in_words, (ROWS, LONG_ROWS)),
    )
    yield from worst("row losses over the best peer", by_rows, 1.3, at_least=True)
    calls = {r.operation: 1e6 * r.seconds[OURS] for r in mine if r.numbers == 100}
    yield from worst("value and gradient of 100 numbers", calls, 1.5, "µs")


def optimizers(results: Sequence[Result]) -> Iterator[Bar]:
    """Judge steps over one array, over many, and beside plain NumPy."""
    mine = [r for r in results if r.family == "optimizers"]
    for r in mine:
        torchs = [who for who in r.seconds if who.startswith("torch")]
        if r.numbers != BEYOND_CACHE or not torchs:
            continue
        who = FUSED if r.operation in OVER_FUSED else min(torchs, key=r.seconds.__getitem__)
        if who in r.seconds:
            limit = OVER_FUSED.get(r.operation, 2.5)
            yield Bar(f"{r.operation} of {r.workload} over {who}", r.over(who), limit, at_least=True)
    for shapes, limit in ((MANY_SMALL, 20), (MIXED, 4)):
        words = arrays_in_words(shapes)
        ratios = {r.operation: r.over(FUSED) for r in mine if r.workload == words and FUSED in r.seconds}
        yield from worst(f"step over {words} over {FUSED}", ratios, limit, at_least=True)
    plain = {f"{r.operation} of {r.workload}": r.over("numpy") for r in mine if "numpy" in r.seconds}
    yield from worst("step over plain NumPy", plain, 5, at_least=True)
