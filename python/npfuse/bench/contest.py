"""One operation at one size, and everybody who computes it: first checked, then timed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npfuse.bench.timing import best_times

OURS = "npfuse"


@dataclass
class Contest:
    """Calls that compute the same; `expected` are their results in float64, by npfuse.reference.

    A name is a library, and after a space which of its ways: "torch", "torch fused".
    """

    calls: dict[str, Callable[[], Any]]
    expected: Sequence[NDArray[Any]]
    bytes_moved: int
    wrong: list[str] = field(default_factory=list)

    def verify(self) -> None:
        """Call everyone once, and drop who is wrong; an error of our own ends the benchmark."""
        for name in list(self.calls):
            results = self.calls[name]()
            if not isinstance(results, (tuple, list)):
                results = (results,)
            if len(results) != len(self.expected) or not all(map(is_close, results, self.expected)):
                if name == OURS:
                    raise AssertionError("npfuse computes something else than npfuse.reference")
                self.wrong.append(name)
                del self.calls[name]

    def times(self, rounds: int, seconds: float) -> dict[str, float]:
        """Return seconds per call of everyone who is right."""
        self.verify()
        with np.errstate(all="ignore"):
            return best_times(self.calls, rounds, seconds)


def is_close(result: Any, expected: NDArray[Any]) -> bool:
    """Tell whether it is the same function, in anybody's float32 arithmetic."""
    return np.allclose(np.asarray(result), expected, rtol=1e-3, atol=1e-5 * np.max(np.abs(expected)))


def library(name: str) -> str:
    """Return whose way a contestant is."""
    return name.split()[0]
