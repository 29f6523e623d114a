"""What the library promises besides speed per number: the cost of a call, of many arrays, of import and wheel."""

import functools
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import npfuse as nf
from npfuse import _native
from npfuse.bench.optimizers import Arrays, npfuse_call, torch_call
from npfuse.bench.timing import best_times

IMPORT_ROUNDS = 15


@dataclass(frozen=True)
class Bar:
    """A measured value and the limit it must keep."""

    what: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Tell whether the promise is kept."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        """Return a line of the report."""
        verdict = "kept" if self.kept else "BROKEN"
        sign = "≥" if self.at_least else "≤"
        return f"{verdict:8}{self.what}: {self.measured:.3g} {self.unit} ({sign} {self.limit:g})"


def call_overhead() -> Iterator[Bar]:
    """Compare one number through each activation without parameters with np.negative."""
    one, out = np.ones(1, np.float32), np.empty(1, np.float32)
    names = [name for name in _native.operations["activations"] if not _native.activation_parameters[name]]
    functions = {"negative": np.negative, **{name: getattr(nf, name) for name in names}}
    calls = {name: functools.partial(function, one, out) for name, function in functions.items()}
    times = best_times(calls, rounds=25, seconds=0.002)
    for name in names:
        yield Bar(f"{name} of one number, over np.negative", times[name] / times["negative"], 1.1, "×")


def arrays(shapes: Sequence[tuple[int, ...]]) -> tuple[Arrays, Arrays]:
    """Return parameters and gradients."""
    return [np.ones(shape, np.float32) for shape in shapes], [np.full(shape, 0.5, np.float32) for shape in shapes]


def optimizer_overhead(peers: list[str]) -> Iterator[Bar]:
    """Compare Adam over many small arrays with one large array, and with torch."""
    small, large, mixed = [(64,)] * 1000, [(64_000,)], [(64,), (64, 64)] * 100
    calls = {
        "small": npfuse_call("Adam", *arrays(small)),
        "large": npfuse_call("Adam", *arrays(large)),
        "mixed": npfuse_call("Adam", *arrays(mixed)),
    }
    if "torch" in peers:
        calls["torch small"] = torch_call("Adam", *arrays(small))
        calls["torch mixed"] = torch_call("Adam", *arrays(mixed))
    times = best_times(calls)
    yield Bar(
        "Adam, each of 1,000 arrays of 64 over one of 64,000", 1e3 * (times["small"] - times["large"]), 0.15, "µs"
    )
    if "torch" in peers:
        yield Bar("torch's fused Adam, 1,000 arrays of 64", times["torch small"] / times["small"], 20, "×", True)
        yield Bar("torch's fused Adam, 200 mixed arrays", times["torch mixed"] / times["mixed"], 4, "×", True)


def import_time() -> Iterator[Bar]:
    """Measure what our import adds to NumPy's, each time in a new process."""
    program = "import time, numpy; start = time.perf_counter(); import npfuse; print(time.perf_counter() - start)"
    seconds = min(
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout)
        for _ in range(IMPORT_ROUNDS)
    )
    yield Bar("import npfuse, over import numpy", 1e3 * seconds, 15, "ms")


def wheel_size() -> Iterator[Bar]:
    """Compress the package's files as a wheel does."""
    files = (path for path in Path(nf.__file__).parent.rglob("*") if path.is_file() and path.suffix != ".pyc")
    size = sum(len(zlib.compress(path.read_bytes())) for path in files)
    yield Bar("the wheel", size / 1e6, 1, "MB")


def measure(peers: list[str]) -> Iterator[Bar]:
    """Yield every bar that can be measured here."""
    yield from call_overhead()
    if hasattr(nf, "Adam"):
        yield from optimizer_overhead(peers)
    yield from import_time()
    yield from wheel_size()
