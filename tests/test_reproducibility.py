"""The same bits for the same input: wherever it stands, however many threads, whichever instruction set has FMA."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native
from samples import SEED, edges
from table import KERNELS, Kernel

HERE = Path(__file__).parent
WITHOUT_FMA = {"x86-64-v2"}
DTYPES = [np.float16, np.float32, np.float64]


def bits(array: np.ndarray) -> np.ndarray:
    return array.view(f"u{array.itemsize}")


def sample(dtype: type, n: int) -> np.ndarray:
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    random = np.random.default_rng(SEED).integers(0, np.iinfo(unsigned).max, size=n, dtype=unsigned)
    return np.resize(np.concatenate([edges(dtype), random.view(dtype)]), n)


def test_position_does_not_matter(any_kernel: Kernel) -> None:
    """One by one, at every offset from a cache line, in the middle of a long array: always the result it had alone."""
    for dtype in DTYPES:
        x = sample(dtype, 200)
        expected = bits(np.array([any_kernel(x[i : i + 1])[0] for i in range(x.size)]))
        long = np.resize(x, 7 * x.size + 90)
        np.testing.assert_array_equal(bits(any_kernel(long)), np.resize(expected, long.size))
        for offset in range(1, 33):
            np.testing.assert_array_equal(bits(any_kernel(x[offset:])), expected[offset:])
            buffer = np.empty(x.size + offset, dtype)
            any_kernel.function(*any_kernel.operands(x), out=buffer[offset:])
            np.testing.assert_array_equal(bits(buffer[offset:]), expected)


def test_the_place_in_a_cache_line_does_not_matter(any_kernel: Kernel) -> None:
    """Long arrays are computed from the first whole line of the output on, and what lies before it by itself."""
    for dtype in (np.float32, np.float64):
        x = sample(dtype, 4200)
        expected = bits(any_kernel(x))
        operands = any_kernel.operands(x)
        for offset in range(64 // x.itemsize):
            out = np.empty(x.size + offset, dtype)[offset:]
            any_kernel.function(*operands, out=out)
            np.testing.assert_array_equal(bits(out), expected)
            in_place = np.concatenate([np.zeros(offset, dtype), operands[0]])[offset:]
            any_kernel.function(in_place, *operands[1:], out=in_place)
            np.testing.assert_array_equal(bits(in_place), expected)


def test_strides_do_not_matter(any_kernel: Kernel) -> None:
    for dtype in DTYPES:
        x = sample(dtype, 3000)
        expected = bits(any_kernel(x))
        for step in (-3, -1, 2, 5):
            operands = [
                np.repeat(operand, abs(step))[::step] if np.ndim(operand) else operand
                for operand in any_kernel.operands(x[:: 1 if step > 0 else -1])
            ]
            np.testing.assert_array_equal(bits(any_kernel.function(*operands)), expected)


def test_a_parameter_may_be_a_number_or_an_array(any_kernel: Kernel) -> None:
    for dtype in DTYPES:
        x = sample(dtype, 5003)
        operands = [operand if np.ndim(operand) else float(dtype(operand)) for operand in any_kernel.operands(x)]
        expected = bits(any_kernel.function(*operands))
        spread = [operand if np.ndim(operand) else np.full(x.shape, operand, dtype) for operand in operands]
        np.testing.assert_array_equal(bits(any_kernel.function(*spread)), expected)


def test_threads_do_not_matter(kernel: Kernel) -> None:
    before = nf.get_num_threads()
    try:
        for dtype in DTYPES:
            x = sample(dtype, 300_001)
            results = []
            for threads in (1, 2, 3, 7):
                nf.set_num_threads(threads)
                results.append(bits(kernel(x)))
            for result in results[1:]:
                np.testing.assert_array_equal(result, results[0])
    finally:
        nf.set_num_threads(before)


def fingerprints(isa: str, threads: int) -> dict[str, str]:
    environment = {**os.environ, "NPFUSE_ISA": isa}
    command = [sys.executable, str(HERE / "fingerprint.py"), str(threads)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_instruction_sets_do_not_matter() -> None:
    with_fma = [isa for isa in _native.config()["available_isas"] if isa not in WITHOUT_FMA]
    if len(with_fma) < 2:
        pytest.skip("this build has kernels of one instruction set with FMA for this CPU")
    first, *others = with_fma
    expected = fingerprints(first, 1)
    assert set(expected) == {kernel.label for kernel in KERNELS}
    for threads, isa in enumerate(others, start=2):
        found = fingerprints(isa, threads)
        assert not [label for label, digest in expected.items() if found[label] != digest], isa


def check_without_fma(choice: str) -> None:
    if not WITHOUT_FMA & set(_native.config()["available_isas"]):
        pytest.skip("this build has no kernels without FMA for this CPU")
    environment = {**os.environ, "NPFUSE_ISA": "x86-64-v2"}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-k", choice]
    tests = [str(HERE / "test_accuracy.py"), str(HERE / "test_special_values.py")]
    run = subprocess.run([*command, *tests], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-3000:]


def test_without_fma_the_bounds_still_hold() -> None:
    """At special values; tests/test_accuracy.py compares with mpmath as well."""
    check_without_fma("not mpmath and not sweep")


@pytest.mark.slow
def test_without_fma_the_bounds_hold_everywhere() -> None:
    check_without_fma("sweep")
