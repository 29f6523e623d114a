"""The same bits for the same input: wherever it stands, however many threads, whichever instruction set has FMA."""

import json
import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
import test_accuracy
from npfuse import _native
from samples import SEED, edges
from table import Kernel

HERE = Path(__file__).parent
WITHOUT_FMA = {"x86-64-v2"}


def bits(array: np.ndarray) -> np.ndarray:
    return array.view(f"u{array.itemsize}")


def sample(dtype: type, n: int) -> np.ndarray:
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    random = np.random.default_rng(SEED).integers(0, np.iinfo(unsigned).max, size=n, dtype=unsigned)
    return np.resize(np.concatenate([edges(dtype), random.view(dtype)]), n)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_position_does_not_matter(any_kernel: Kernel, dtype: type) -> None:
    """One by one, at every offset from a cache line, in the middle of a long array: always the result it had alone."""
    x = sample(dtype, 200)
    expected = bits(np.array([any_kernel(x[i : i + 1])[0] for i in range(x.size)]))
    long = np.resize(x, 7 * x.size + 90)
    np.testing.assert_array_equal(bits(any_kernel(long)), np.resize(expected, long.size))
    for offset in range(1, 33):
        np.testing.assert_array_equal(bits(any_kernel(x[offset:])), expected[offset:])
        buffer = np.empty(x.size + offset, dtype)
        any_kernel.function(*any_kernel.operands(x), out=buffer[offset:])
        np.testing.assert_array_equal(bits(buffer[offset:]), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_place_in_a_cache_line_does_not_matter(any_kernel: Kernel, dtype: type) -> None:
    """Long arrays are computed from the first whole line of the output on, and what lies before it by itself."""
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


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_strides_do_not_matter(any_kernel: Kernel, dtype: type) -> None:
    x = sample(dtype, 3000)
    expected = bits(any_kernel(x))
    for step in (-3, -1, 2, 5):
        operands = [
            np.repeat(operand, abs(step))[::step] if np.ndim(operand) else operand
            for operand in any_kernel.operands(x[:: 1 if step > 0 else -1])
        ]
        np.testing.assert_array_equal(bits(any_kernel.function(*operands)), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_parameter_may_be_a_number_or_an_array(any_kernel: Kernel, dtype: type) -> None:
    x = sample(dtype, 5003)
    operands = any_kernel.operands(x)
    expected = bits(any_kernel.function(*operands))
    spread = [operand if np.ndim(operand) else np.full(x.shape, operand, dtype) for operand in operands]
    np.testing.assert_array_equal(bits(any_kernel.function(*spread)), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_threads_do_not_matter(kernel: Kernel, dtype: type) -> None:
    x = sample(dtype, 300_001)
    before = nf.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 7):
            nf.set_num_threads(threads)
            results.append(bits(kernel(x)))
    finally:
        nf.set_num_threads(before)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@cache
def fingerprints(isa: str, threads: int) -> dict[str, str]:
    environment = {**os.environ, "NPFUSE_ISA": isa}
    command = [sys.executable, str(HERE / "fingerprint.py"), str(threads)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def instruction_sets_with_fma() -> list[str]:
    return [isa for isa in _native.config()["available_isas"] if isa not in WITHOUT_FMA]


@pytest.mark.skipif(len(instruction_sets_with_fma()) < 2, reason="this CPU has one instruction set with FMA")
def test_instruction_sets_do_not_matter(any_kernel: Kernel) -> None:
    first, *others = instruction_sets_with_fma()
    for threads, isa in enumerate(others, start=2):
        assert fingerprints(isa, threads)[any_kernel.label] == fingerprints(first, 1)[any_kernel.label], isa


def test_without_fma_the_bounds_still_hold(tmp_path: Path) -> None:
    if not WITHOUT_FMA & set(_native.config()["available_isas"]):
        pytest.skip("every instruction set of this CPU has FMA")
    found = tmp_path / "truths"
    found.write_bytes(pickle.dumps(test_accuracy.truths()))
    environment = {**os.environ, "NPFUSE_ISA": "x86-64-v2", test_accuracy.TRUTHS: str(found)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "float32"]
    tests = [str(HERE / "test_accuracy.py"), str(HERE / "test_special_values.py")]
    run = subprocess.run([*command, *tests], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-3000:]
