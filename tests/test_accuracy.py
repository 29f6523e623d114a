"""How far results are from the truth, in units in the last place."""

import os
import pickle
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from exact import Exact, error_in_ulp, exact
from npfuse import _native
from samples import every_float32, points
from table import KERNELS, Kernel

SWEEP_STEP = 4099


@cache
def points_of(dtype: type) -> np.ndarray:
    return points(dtype, 1500)


@cache
def truth_at_points(kernel: Kernel, dtype: type) -> Exact:
    return exact(kernel.formula, points_of(dtype), kernel.parameters)


def every_result() -> dict[tuple[str, type], np.ndarray]:
    """Return the results of all kernels at the float32 points, computed in either type."""
    x = points_of(np.float32)
    return {(kernel.label, dtype): kernel(x.astype(dtype)) for kernel in KERNELS for dtype in (np.float32, np.float64)}


@cache
def results_without_fma() -> dict[tuple[str, type], np.ndarray]:
    """Return the results of the instruction set whose bits are its own, where this build and this CPU have it."""
    if {"x86-64-v2"} & set(_native.config()["available_isas"]) <= {_native.config()["isa"]}:
        return {}
    program = "import pickle, sys, test_accuracy as t; sys.stdout.buffer.write(pickle.dumps(t.every_result()))"
    environment = {**os.environ, "NPFUSE_ISA": "x86-64-v2", "PYTHONPATH": os.pathsep.join(sys.path)}
    return pickle.loads(subprocess.check_output([sys.executable, "-c", program], env=environment))


@cache
def sweep() -> np.ndarray:
    return every_float32(SWEEP_STEP)


def assert_close(kernel: Kernel, x: np.ndarray, result: np.ndarray, truth: Exact, ulp: float) -> None:
    error = error_in_ulp(result, truth)
    around_zero = kernel.near_zero_of_slope(x)
    distance = np.abs(result[around_zero].astype(np.float64) - truth.nearest[around_zero])
    error[around_zero] = np.where(distance <= np.finfo(result.dtype).eps / 2, 0, error[around_zero])
    worst = np.argmax(error)
    assert error[worst] <= ulp, (
        f"{kernel.label}: {error[worst]:.3f} ULP at x = {x[worst]!r} ({float(x[worst]).hex()}): "
        f"got {result[worst]!r}, not {truth.nearest[worst]!r}; {np.sum(error > ulp)} of {x.size} beyond {ulp}"
    )


def test_float64_against_mpmath(any_kernel: Kernel) -> None:
    for points_dtype in (np.float32, np.float64):
        x = points_of(points_dtype).astype(np.float64)
        assert_close(any_kernel, x, any_kernel(x), truth_at_points(any_kernel, points_dtype), any_kernel.ulp)


def test_float32_against_mpmath(any_kernel: Kernel) -> None:
    x, truth = points_of(np.float32), truth_at_points(any_kernel, np.float32)
    assert_close(any_kernel, x, any_kernel(x), truth, any_kernel.ulp)
    for (label, dtype), result in results_without_fma().items():
        if label == any_kernel.label:
            assert_close(any_kernel, x.astype(dtype), result, truth, any_kernel.ulp)


def test_float32_sweep_against_float64(any_kernel: Kernel) -> None:
    """The float64 kernel, itself held to mpmath above, is the truth for a million float32 numbers."""
    x = sweep()
    truth = Exact(any_kernel(x.astype(np.float64)), np.zeros(x.shape))
    assert_close(any_kernel, x, any_kernel(x), truth, any_kernel.ulp)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_scales_with_dy(any_backward: Kernel, dtype: type) -> None:
    """A factor dy costs one rounding more; a power of two costs none."""
    x = points_of(np.float32).astype(dtype)
    slope = any_backward(x)
    normal = np.abs(slope) > np.finfo(dtype).smallest_normal * 8
    np.testing.assert_array_equal(any_backward(x, dy=-4)[normal], -4 * slope[normal])
    dy = np.random.default_rng(1).normal(size=x.shape).astype(dtype)
    truth = any_backward(x.astype(np.float64), dy.astype(np.float64))
    tolerance = (any_backward.ulp + 1) * np.finfo(dtype).eps
    ordinary = normal & (np.abs(truth) > np.finfo(dtype).smallest_normal) & ~any_backward.near_zero_of_slope(x)
    np.testing.assert_allclose(any_backward(x, dy)[ordinary], truth[ordinary], rtol=tolerance)


def test_reference_agrees_where_it_is_right(any_kernel: Kernel) -> None:
    """Two formulas written by different hands: a mistake in the table's would show here."""
    for dtype in (np.float32, np.float64):
        x = np.linspace(-5, 5, 1001).astype(dtype)
        expected = any_kernel.reference(*(np.asarray(operand, np.float64) for operand in any_kernel.operands(x)))
        np.testing.assert_allclose(any_kernel(x), expected, rtol=2e-6, atol=1e-7)
