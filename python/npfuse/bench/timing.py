"""Times of short calls: the minimum of many, contestants taking turns, so that what disturbs one disturbs all."""

from collections.abc import Callable, Mapping
from time import perf_counter

Call = Callable[[], object]


def repeated(call: Call, count: int) -> float:
    """Return the seconds that one of so many calls in a row takes."""
    start = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - start) / count


def calls_lasting(call: Call, seconds: float) -> int:
    """Return how many calls take about that long, after a first that may have to compile."""
    call()
    count = 1
    while (each := repeated(call, count)) * count < seconds / 4:
        count *= 4
    return max(1, round(seconds / each))


def best_times(calls: Mapping[str, Call], rounds: int = 9, seconds: float = 0.004) -> dict[str, float]:
    """Return seconds per call of each contestant."""
    counts = {name: calls_lasting(call, seconds) for name, call in calls.items()}
    times = {name: float("inf") for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name] = min(times[name], repeated(call, counts[name]))
    return times


def best_time(call: Call, rounds: int = 9, seconds: float = 0.004) -> float:
    """Return seconds per call."""
    return best_times({"": call}, rounds, seconds)[""]
