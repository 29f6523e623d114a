"""Times on a GPU: between two events of its stream, arrays taking turns so that none is found in the cache."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from npfuse import cuda
from npfuse.bench.gpu.task import Call
from npfuse.cuda import _device


class Clock:
    """The default stream of a GPU, on which everybody works."""

    def __init__(self, native: Any, device: int = 0) -> None:
        self.native = native
        self.place = native.Place(device, 0)
        self.device = device
        self.name, self.cache = native.properties(device)

    def turns(self, size: int) -> int:
        """Return how many sets of arrays of so many bytes are needed to go twice round the cache."""
        return max(2, -(-2 * int(self.cache) // max(size, 1)) + 1)

    def seconds(self, calls: Sequence[Call], rounds: int) -> float:
        """Return the seconds that a call takes when so many rounds of all follow each other."""
        begin, end = self.native.Event(self.place), self.native.Event(self.place)
        begin.record()
        for _ in range(rounds):
            for call in calls:
                call()
        end.record()
        passed: float = end.seconds_since(begin)
        return passed / (rounds * len(calls))

    def best_times(self, contestants: Mapping[str, Sequence[Call]], rounds: int, seconds: float) -> dict[str, float]:
        """Return the least seconds per call of each contestant, who take turns; the first calls warm up."""
        counts = {}
        for name, calls in contestants.items():
            self.seconds(calls, 1)
            each = max(self.seconds(calls, 1), 1e-7)
            counts[name] = max(1, round(seconds / (each * len(calls))))
        times = {name: float("inf") for name in contestants}
        for _ in range(rounds):
            for name, calls in contestants.items():
                times[name] = min(times[name], self.seconds(calls, counts[name]))
        return times

    def sets(self, arrays: Sequence[NDArray[Any]]) -> list[list[cuda.Array]]:
        """Return arrays on the GPU, as often as the cache asks for."""
        turns = self.turns(sum(array.nbytes for array in arrays))
        enough = 4096 // len(arrays)  # thousands of small arrays take their time to copy
        sent = [cuda.asarray(array, device=self.device) for array in arrays]
        return [sent, *([self.copied(array) for array in sent] for _ in range(max(2, min(turns, enough)) - 1))]

    def copied(self, array: cuda.Array) -> cuda.Array:
        """Return a copy of an array, made by the device."""
        copy = cuda.Array.empty(array.shape, array.dtype.name, self.device, 0)
        if array.size:
            self.copy(copy, array)()
        return copy

    def copy(self, target: cuda.Array, source: cuda.Array) -> Call:
        """Return the device's own copy of one array to another."""
        here = _device.Place(self.device, 0)
        addresses = target.on(here, is_written=True), source.on(here, is_written=False)
        size = source.size * source.dtype.itemsize
        return lambda: self.native.copy(self.place, *addresses, size)

    def copy_bandwidth(self, size: int, rounds: int, seconds: float) -> float:
        """Return the GB/s, read and written, at which the device itself copies so many bytes."""
        sets = [[cuda.Array.empty((size,), "uint8", self.device, 0) for _ in "to"] for _ in range(self.turns(2 * size))]
        times = self.best_times({"copy": [self.copy(*pair) for pair in sets]}, rounds, seconds)
        return 2 * size / times["copy"] / 1e9
