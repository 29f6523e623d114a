"""A task done by everybody: first checked against the CPU's kernels, then timed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import npfuse as nf
from npfuse import cuda
from npfuse.bench.contest import OURS
from npfuse.bench.gpu.clock import Clock
from npfuse.bench.gpu.peers import WAYS, as_numpy
from npfuse.bench.gpu.task import Array, Call, Task


@dataclass
class Contest:
    """Everybody's calls, one for each set of arrays, and what the first must return."""

    calls: dict[str, list[Call]]
    expected: list[Array]
    unit: float
    """The distance from 1 to the next number of the coarsest dtype that takes part."""
    wrong: list[str] = field(default_factory=list)

    def verify(self) -> None:
        """Call everyone once and drop who is wrong. We must have the CPU's bits, the others be near."""
        for name in list(self.calls):
            results = listed(self.calls[name][0]())
            right = same if name == OURS else self.near
            if len(results) != len(self.expected) or not all(map(right, results, self.expected)):
                self.wrong.append(name)
                del self.calls[name]

    def near(self, result: Array, expected: Array) -> bool:
        """Tell whether it is the same function, in anybody's arithmetic, by a million numbers from end to end."""
        if result.size != expected.size:
            return False
        step = max(1, expected.size // 2**20)
        given, wanted = (array.reshape(-1)[::step].astype(np.float64) for array in (result, expected))
        scale = np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))
        relative, absolute = max(1e-3, 8 * self.unit), max(1e-5, 4 * self.unit) * scale
        return np.allclose(given, wanted, rtol=relative, atol=absolute)


def same(result: Array, expected: Array) -> bool:
    """Tell whether the numbers are the same to the last bit; one NaN is as good as another."""
    if result.shape != expected.shape or result.dtype != expected.dtype:
        return False
    bits = f"u{expected.dtype.itemsize}"
    differ = result.reshape(-1).view(bits) != expected.reshape(-1).view(bits)
    return not differ.any() or bool(
        np.isnan(result.reshape(-1)[differ]).all() and np.isnan(expected.reshape(-1)[differ]).all()
    )


def listed(results: Any) -> list[Array]:
    """Return one result or several as NumPy arrays."""
    return [as_numpy(result) for result in (results if isinstance(results, (tuple, list)) else [results])]


def set_up(task: Task, arrays: list[Array], present: Sequence[str], clock: Clock) -> Contest:
    """Bring the arrays to the GPU, as often as the cache asks for, and have the CPU compute the results."""
    sets = clock.sets(arrays)
    calls = {OURS: [task.ours(cuda, each) for each in sets]}
    for peer in present:
        calls.update(WAYS[peer](task, [arrays] * len(sets)))
    units = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
    return Contest(
        calls, listed(task.ours(nf, arrays)()), unit=max(units.get(array.dtype.name, 2.0**-23) for array in arrays)
    )
