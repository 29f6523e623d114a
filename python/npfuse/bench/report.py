"""Results as lines of a table and as data."""

from dataclasses import dataclass

from npfuse.bench.contest import OURS, library


@dataclass(frozen=True)
class Result:
    """One contest's outcome."""

    family: str
    operation: str
    workload: str
    numbers: int
    bytes_moved: int
    seconds: dict[str, float]
    wrong: list[str]

    @property
    def best_peer(self) -> str | None:
        """Return the fastest of the others, if there are any."""
        peers = [name for name in self.seconds if name != OURS]
        return min(peers, key=self.seconds.__getitem__, default=None)

    @property
    def ratio(self) -> float | None:
        """Return how many times our time the best peer takes."""
        return self.over(self.best_peer) if self.best_peer else None

    def over(self, name: str) -> float:
        """Return how many times our time somebody takes."""
        return self.seconds[name] / self.seconds[OURS]

    @property
    def gigabytes_per_second(self) -> float:
        """Return the rate at which we read and write the operands."""
        return self.bytes_moved / self.seconds[OURS] / 1e9

    def as_dict(self) -> dict[str, object]:
        """Return what --json writes."""
        return {
            "family": self.family,
            "operation": self.operation,
            "workload": self.workload,
            "ns_per_number": {name: 1e9 * time / self.numbers for name, time in self.seconds.items()},
            "gigabytes_per_second": self.gigabytes_per_second,
            "best_peer": self.best_peer,
            "ratio": self.ratio,
            "wrong": self.wrong,
        }


def heading(contestants: list[str]) -> str:
    """Return the table's first line."""
    columns = "".join(f"{name:>9}" for name in contestants)
    return f"{'ns per number':24}{'':22}{columns}{'GB/s':>8}  best peer"


def cells(result: Result, contestants: list[str]) -> str:
    """Return everyone's ns per number, of a library's ways the best."""

    def cell(name: str) -> str:
        times = [time for who, time in result.seconds.items() if library(who) == name]
        if times:
            return f"{1e9 * min(times) / result.numbers:9.3g}"
        return f"{'wrong':>9}" if name in map(library, result.wrong) else f"{'':9}"

    return "".join(map(cell, contestants))


def line(result: Result, contestants: list[str]) -> str:
    """Return one line: everyone's ns per number, our GB/s, and how the best peer compares."""
    best = f"  {result.ratio:.2f} × {result.best_peer}" if result.best_peer else ""
    start = f"{result.operation:24}{result.workload:>22}{cells(result, contestants)}"
    return f"{start}{result.gigabytes_per_second:8.1f}{best}"
