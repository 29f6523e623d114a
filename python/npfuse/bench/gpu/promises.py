"""What is promised of a GPU: how near its own copy every kernel is, and how far ahead of torch."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from npfuse.bench.bar import Bar, worst
from npfuse.bench.contest import OURS
from npfuse.bench.gpu.training import MANY
from npfuse.bench.losses import ROW_LOSSES
from npfuse.bench.report import Result

FUSED = "torch fused"
MOST_LAUNCHES = 3


def judge(results: Sequence[Result], copy: float) -> Iterator[Bar]:
    """Yield every bar that these results tell something about."""
    timed = [r for r in results if OURS in r.seconds]
    large = [r for r in timed if r.workload != MANY]
    groups: dict[str, tuple[Callable[[Result], bool], float]] = {
        "elementwise": (lambda r: r.family == "elementwise", 0.92),
        "losses": (lambda r: r.family == "losses" and r.operation not in ROW_LOSSES, 0.92),
        "optimizer steps": (lambda r: r.family == "optimizers", 0.92),
        "rows and losses of rows": (lambda r: r.family == "rows" or r.operation in ROW_LOSSES, 0.85),
    }
    for words, (wanted, limit) in groups.items():
        shares = {named(r): r.gigabytes_per_second / copy for r in large if wanted(r)}
        yield from worst(f"{words} over the device's own copy", shares, limit, at_least=True)
    adam = {named(r): r.over(FUSED) for r in timed if r.operation == "Adam" and FUSED in r.seconds}
    yield from worst(f"Adam over {FUSED}", adam, 1, at_least=True)
    ahead = {named(r): over_torch(r) for r in large if r.family == "losses" and best_torch(r)}
    yield from worst("loss and gradient over torch", ahead, 1.3, at_least=True)


def named(result: Result) -> str:
    """Return which result it is."""
    return f"{result.operation} of {result.workload}"


def best_torch(result: Result) -> str | None:
    """Return torch's fastest way, if it has any."""
    ways = [who for who in result.seconds if who.startswith("torch")]
    return min(ways, key=result.seconds.__getitem__, default=None)


def over_torch(result: Result) -> float:
    """Return how many times our time torch takes in its fastest way."""
    return result.over(str(best_torch(result)))


def launches(native: Any, call: Callable[[], Any]) -> Bar:
    """Count what a step over many small arrays launches."""
    before = native.launch_count()
    call()
    return Bar(f"launches of Adam's step over {MANY}", native.launch_count() - before, MOST_LAUNCHES, "")
