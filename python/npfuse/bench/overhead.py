"""What a call costs besides its numbers, an optimizer's step besides its arrays, and the library before any call."""

import functools
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np

import npfuse as nf
from npfuse import _native
from npfuse.bench.bar import Bar, worst
from npfuse.bench.optimizers import Shapes, npfuse_call
from npfuse.bench.timing import best_times

IMPORT_ROUNDS = 15


def calls_of_one_number(names: Collection[str]) -> Iterator[Bar]:
    """Compare activations without parameters with np.negative, and those with defaults with their bare ufuncs."""
    one, out = np.ones(1, np.float32), np.empty(1, np.float32)
    chosen = [name for name in _native.operations["activations"] if name in names]
    parameters = {name: list(_native.activation_parameters[name].values()) for name in chosen}
    bare = {name: getattr(nf, name) for name, values in parameters.items() if not values}
    if bare:
        calls = {name: functools.partial(function, one, out) for name, function in bare.items()}
        times = best_times({"np.negative": functools.partial(np.negative, one, out), **calls}, 25, 0.002)
        negative = times.pop("np.negative")
        yield from worst("one number over np.negative", {name: t / negative for name, t in times.items()}, 1.1)
    extra = {}
    for name, values in parameters.items():
        function = getattr(nf, name)
        if hasattr(function, "ufunc"):
            filling = functools.partial(function, one, *(values if function.required else ()), out=out)
            given = functools.partial(function.ufunc, one, *values, out=out)
            times = best_times({"filling": filling, "given": given}, 25, 0.002)
            extra[name] = 1e9 * (times["filling"] - times["given"])
    yield from worst("filling in defaults", extra, 40, "ns")


def arrays_of_a_step(names: Collection[str]) -> Iterator[Bar]:
    """Compare Adam over many small arrays with one array of as many numbers."""
    if "Adam" not in names:
        return

    def step(shapes: Shapes) -> Callable[[], object]:
        params, grads = ([np.full(shape, value, np.float32) for shape in shapes] for value in (1, 0.5))
        return npfuse_call("Adam", params, grads)

    times = best_times({"small": step([(64,)] * 1000), "large": step([(64_000,)])})
    each_more = 1e3 * (times["small"] - times["large"])
    yield Bar("Adam, each of 1,000 arrays of 64 more than their share of one of 64,000", each_more, 0.15, "µs")


def import_time() -> Iterator[Bar]:
    """Measure what our import adds to NumPy's, each time in a new process.

    The first of them compiles all modules to bytecode, as pip does when it installs them, and keeps that apart.
    """
    program = "import time, numpy; start = time.perf_counter(); import npfuse; print(time.perf_counter() - start)"
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        run = functools.partial(subprocess.run, capture_output=True, check=True, text=True, env=environment)
        seconds = min(float(run([sys.executable, "-c", program]).stdout) for _ in range(IMPORT_ROUNDS))
    yield Bar("import npfuse, over import numpy", 1e3 * seconds, 15, "ms")


def installed_files() -> dict[Path, Path]:
    """Return the files of the package by their place in it, wherever an editable installation has left them."""
    found = ((Path(root), path) for root in nf.__path__ for path in Path(root).rglob("*"))
    return {path.relative_to(root): path for root, path in found if path.is_file() and path.suffix != ".pyc"}


def wheel_size() -> Iterator[Bar]:
    """Compress the package's files as a wheel does."""
    size = sum(len(zlib.compress(path.read_bytes())) for path in installed_files().values())
    yield Bar("the wheel", size / 1e6, 1, "MB")
