"""What the measurements were made on: the processor, the versions, and how fast memory is copied."""

import importlib.metadata
import os
import platform
from pathlib import Path

import numpy as np

from npfuse.bench.timing import best_time

PACKAGES = ("npfuse", "numpy", "scipy", "numexpr", "numba", "torch", "jax")


def processor() -> str:
    """Return the processor's name, as well as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of everything that takes part and is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def copy_bandwidth(n: int) -> float:
    """Return the GB/s, read and written, at which np.copyto moves n float32 numbers."""
    source, target = np.ones(n, np.float32), np.empty(n, np.float32)
    return 8 * n / best_time(lambda: np.copyto(target, source)) / 1e9


def use_cpus(count: int) -> None:
    """Confine the process, every library's threads included, to so many CPUs."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])
