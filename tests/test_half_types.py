"""float16 and bfloat16: the truth, rounded once, for every one of their 65,536 values."""

import ml_dtypes
import numpy as np
import pytest

from samples import every_half
from table import Kernel

HALF_TYPES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]


def is_nearest(result: np.ndarray, truth: np.ndarray, leeway: np.ndarray | float) -> np.ndarray:
    """Tell where no other number of the result's dtype is closer to the truth, or just as close but for the leeway."""
    numbers = np.arange(2**15, dtype=np.uint16).view(result.dtype).astype(np.float64)
    infinity = np.flatnonzero(np.isinf(numbers))[0]
    numbers[infinity] = 2 * numbers[infinity - 1] - numbers[infinity - 2]  # where the next number would be
    middles = (numbers[:infinity] + numbers[1 : infinity + 1]) / 2
    lower, upper = np.concatenate([[0], middles]), np.concatenate([middles, [np.inf]])

    magnitude = np.minimum(result.view(np.uint16) & 0x7FFF, infinity)
    size = np.abs(truth)
    near = (lower[magnitude] - leeway <= size) & (size <= upper[magnitude] + leeway)
    same_sign = np.signbit(result.astype(np.float64)) == np.signbit(truth)
    return np.where(np.isnan(truth), np.isnan(result), near & (same_sign | (magnitude == 0)))


@pytest.mark.parametrize("dtype", HALF_TYPES, ids=str)
def test_every_input_is_rounded_correctly(any_kernel: Kernel, dtype: np.dtype) -> None:
    x = every_half(dtype)
    with np.errstate(invalid="ignore"):  # signalling NaN, as NumPy casts them
        exact_operands = [np.asarray(operand).astype(np.float64) for operand in any_kernel.operands(x)]
        result = any_kernel(x)
        truth = any_kernel.function(*exact_operands)
        assert result.dtype == dtype
        x_exact = exact_operands[-1 - len(any_kernel.parameters)]
        around_zero = np.where(any_kernel.near_zero_of_slope(x_exact), 2.0**-24, 0)
        float32_error = np.where(np.isfinite(truth), any_kernel.ulp * 2.0**-23 * np.abs(truth), 0)
        wrong = ~is_nearest(result, truth, leeway=np.maximum(float32_error, around_zero))
        assert not wrong.any(), (x[wrong], result[wrong], truth[wrong])
        ties = ~is_nearest(result, truth, leeway=around_zero)
        assert np.sum(ties) <= any_kernel.activation.half_exceptions, x[ties]
