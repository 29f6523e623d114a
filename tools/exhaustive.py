"""Compare every activation with the truth on all 2^32 float32 inputs: python tools/exhaustive.py [--write FILE].

The truth is the float64 kernel, which is held to mpmath beside it. All 65,536 inputs of both half types are counted,
too. Prints one table; the exit status tells whether every bound is kept.
"""

import argparse
import ctypes
import functools
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
os.environ["NPFUSE_NUM_THREADS"] = "1"  # every process has its own share of the numbers

import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402

from exact import error_in_ulp, exact, is_nearest  # noqa: E402
from samples import every_half, points  # noqa: E402
from table import DEFAULT_KERNELS, KERNELS, Kernel  # noqa: E402

BLOCK = 2**15  # numbers in cache at a time
PARTS = 64  # of all float32 numbers, each a unit of work
POINTS = 6000  # of each dtype at which float64 is compared with mpmath
HALF_TYPES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
KERNEL_OF = {kernel.label: kernel for kernel in DEFAULT_KERNELS}


@dataclass(frozen=True)
class Worst:
    """The largest error found, in ULP, and where."""

    error: float
    x: float


def compiled_comparison(folder: Path) -> Path:
    """Compile the one loop for which NumPy would need many passes."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise SystemExit("a C++ compiler is needed")
    library = folder / "compare.so"
    source = ROOT / "tests" / "native" / "compare.cpp"
    command = [compiler, "-std=c++20", "-O2", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return library


@functools.cache
def comparison(library: Path):
    function = ctypes.CDLL(str(library)).worst_of
    float32, float64 = (np.ctypeslib.ndpointer(dtype, flags="C_CONTIGUOUS") for dtype in (np.float32, np.float64))
    doubles = [ctypes.c_double] * 3
    function.argtypes = [float32, float32, float64, ctypes.c_long, *doubles, ctypes.POINTER(ctypes.c_double)]
    function.restype = ctypes.c_long
    return function


def worst_of_part(task: tuple[Path, str, int]) -> tuple[str, Worst]:
    """Walk one part of all float32 numbers."""
    library, label, part = task
    kernel = KERNEL_OF[label]
    x, wide = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float64)
    operands, wide_operands = kernel.operands(x), kernel.operands(wide)
    result, truth = np.empty_like(x), np.empty_like(wide)
    offsets = np.arange(BLOCK, dtype=np.uint32)
    error, place = ctypes.c_double(0), 0.0
    first = part * (2**32 // PARTS)
    with np.errstate(all="ignore"):
        for start in range(first, first + 2**32 // PARTS, BLOCK):
            np.add(offsets, np.uint32(start), out=x.view(np.uint32))
            wide[:] = x
            kernel.function(*operands, out=result)
            kernel.function(*wide_operands, out=truth)
            zone = (*kernel.zone_around_zero, 2.0**-24)
            found = comparison(library)(x, result, truth, BLOCK, *zone, ctypes.byref(error))
            place = float(x[found]) if found >= 0 else place
    return label, Worst(error.value, place)


def float64_error(kernel: Kernel) -> float:
    """Return the worst error against mpmath on the points that the everyday tests use, more of them."""
    worst = 0.0
    for dtype in (np.float32, np.float64):
        x = points(dtype, POINTS).astype(np.float64)
        result, truth = kernel(x), exact(kernel.formula, x, kernel.parameters)
        error = error_in_ulp(result, truth)
        near = kernel.near_zero_of_slope(x)
        error[near] = np.where(np.abs(result[near] - truth.nearest[near]) <= 2.0**-53, 0, error[near])
        worst = max(worst, float(error.max()))
    return worst


def half_exceptions(kernel: Kernel, dtype: np.dtype) -> int:
    """Count the results of a half type that are not the nearest number, its parameters being numbers of float32."""
    x = every_half(dtype)
    with np.errstate(all="ignore"):
        operands = [np.asarray(operand).astype(np.float64) for operand in kernel.operands(x)]
        truth = kernel.function(*operands)
        around_zero = np.where(kernel.near_zero_of_slope(x.astype(np.float64)), 2.0**-24, 0)
        return int(np.sum(~is_nearest(kernel(x), truth, leeway=around_zero)))


def examine(label: str) -> tuple[str, float, int, int]:
    """Return what is measured beside float32."""
    kernel = KERNEL_OF[label]
    every_choice = [each for each in KERNELS if each.name == kernel.name]
    float16, bfloat16 = (sum(half_exceptions(each, dtype) for each in every_choice) for dtype in HALF_TYPES)
    return label, float64_error(kernel), float16, bfloat16


def with_progress(results, total: int):
    try:
        from tqdm import tqdm
    except ImportError:
        return results
    return tqdm(results, total=total, desc="exhaustive", leave=False)


def table(worst: dict[str, Worst], others: dict[str, tuple[float, int, int]]) -> str:
    """Return the report as Markdown."""
    lines = [
        "| operation | bound | float32, worst ULP | at x = | float64, worst ULP | float16 ties | bfloat16 ties |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, found in worst.items():
        float64, float16, bfloat16 = others[label]
        place = f"{found.x!r}" if found.error else ""
        lines.append(
            f"| {label} | {KERNEL_OF[label].ulp:g} | {found.error:.3f} | {place} "
            f"| {float64:.3f} | {float16} | {bfloat16} |"
        )
    return "\n".join(lines) + "\n"


HEADER = """# Accuracy

Written by `nox -s exhaustive`; do not edit. Errors in units in the last place (ULP) of the exact result. float32: all
2^32 inputs, against the float64 kernel. float64: against mpmath, at {points:,} points. Around the zero of a derivative
(silu, gelu and their kin) an absolute error of at most 2^-24 (float64: 2^-53) counts as none. float16 and bfloat16: of
all 65,536 results, with every choice of parameters in tests/table, how many are not the nearest number, since float32
had rounded them to a tie; all others are.

"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="WORD", default=[""], help="operations whose name contains one")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="all CPUs unless told")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    labels = [label for label in KERNEL_OF if any(word in label for word in options.only)]

    start = time.monotonic()
    worst = dict.fromkeys(labels, Worst(0.0, 0.0))
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(options.processes) as pool:
        library = compiled_comparison(Path(folder))
        tasks = [(library, label, part) for label in labels for part in range(PARTS)]
        for label, found in with_progress(pool.imap_unordered(worst_of_part, tasks), len(tasks)):
            worst[label] = max(worst[label], found, key=lambda each: each.error)
        others = {label: rest for label, *rest in pool.imap_unordered(examine, labels)}

    report = table(worst, others)
    print(report)
    print(f"{len(labels)} operations in {(time.monotonic() - start) / 60:.1f} minutes")
    if options.write:
        options.write.parent.mkdir(exist_ok=True)
        options.write.write_text(
            HEADER.format(points=points(np.float32, 6000).size + points(np.float64, 6000).size) + report
        )
    broken = [label for label in labels if worst[label].error > KERNEL_OF[label].ulp]
    if broken:
        print("beyond their bound: " + ", ".join(broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
