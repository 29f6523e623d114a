"""Results as lines of a table and as data."""

from dataclasses import dataclass

from npfuse.bench.contest import OURS


@dataclass(frozen=True)
class Result:
    """One contest's outcome."""

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
        return self.seconds[self.best_peer] / self.seconds[OURS] if self.best_peer else None

    @property
    def gigabytes_per_second(self) -> float:
        """Return the rate at which we read and write the operands."""
        return self.bytes_moved / self.seconds[OURS] / 1e9

    def as_dict(self) -> dict[str, object]:
        """Return what --json writes."""
        return {
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


def line(result: Result, contestants: list[str]) -> str:
    """Return one line: everyone's ns per number, our GB/s, and how the best peer compares."""

    def cell(name: str) -> str:
        if name in result.wrong:
            return f"{'wrong':>9}"
        if name not in result.seconds:
            return f"{'':9}"
        return f"{1e9 * result.seconds[name] / result.numbers:9.3g}"

    columns = "".join(map(cell, contestants))
    best = f"  {result.ratio:.2f} × {result.best_peer}" if result.best_peer else ""
    return f"{result.operation:24}{result.workload:>22}{columns}{result.gigabytes_per_second:8.1f}{best}"
