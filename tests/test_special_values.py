"""Zeros, infinities, corners and NaN: exactly what the table says."""

from itertools import product

import numpy as np
import pytest

from table import Kernel

DTYPES = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_the_table(kernel: Kernel, dtype: type) -> None:
    x = np.array(list(kernel.special_values), dtype)
    expected = np.array(list(kernel.special_values.values()), dtype)
    np.testing.assert_allclose(kernel(x), expected, rtol=np.finfo(dtype).eps, atol=0)


def test_nan_is_nan_wherever_it_stands(any_kernel: Kernel) -> None:
    for dtype, place in product(DTYPES, [0, 1, 7, 31, 100]):
        x = np.ones(101, dtype)
        x[place] = np.nan
        assert np.flatnonzero(np.isnan(any_kernel(x))).tolist() == [place]


@pytest.mark.parametrize("dtype", DTYPES)
def test_minus_zero_stays_minus_zero(through_origin: Kernel, dtype: type) -> None:
    """Where a function crosses the origin, the sign of zero is information."""
    np.testing.assert_array_equal(np.signbit(through_origin(np.array([-0.0, 0.0], dtype))), [True, False])


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinities_end_what_large_numbers_begin(forward: Kernel, dtype: type) -> None:
    """Even for a result of zero: its sign is that of the values before it."""
    largest = np.finfo(dtype).max
    result = forward(np.array([-np.inf, -largest, largest, np.inf], dtype))
    np.testing.assert_array_equal(np.signbit(result[[0, 3]]), np.signbit(result[[1, 2]]))


def test_dy_of_nan_or_infinity_comes_through(backward: Kernel) -> None:
    x = np.array([0.75], np.float32)
    slope = backward(x)
    assert slope != 0
    assert np.isnan(backward(x, dy=np.nan))
    assert backward(x, dy=-np.inf) == -np.inf * slope
