"""float16 and bfloat16: the truth, rounded once, for every one of their 65,536 values."""

import ml_dtypes
import numpy as np
import pytest

import npfuse as nf
from exact import is_nearest
from samples import every_half
from table import Kernel

HALF_TYPES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]


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


@pytest.mark.parametrize("dtype", HALF_TYPES, ids=str)
def test_place_does_not_matter(any_kernel: Kernel, dtype: np.dtype) -> None:
    """Contiguous, reversed and at odd offsets, converted on the way or in passes of its own: the same bits."""
    x = np.roll(every_half(dtype), 12345)
    operands = any_kernel.operands(x)
    with np.errstate(invalid="ignore"):
        expected = any_kernel.function(*operands).view(np.uint16)
        backwards = [operand[::-1] if np.ndim(operand) else operand for operand in operands]
        np.testing.assert_array_equal(any_kernel.function(*backwards).view(np.uint16), expected[::-1])
        for offset in range(1, 33):
            part = [operand[offset : 6000 - offset] if np.ndim(operand) else operand for operand in operands]
            result = any_kernel.function(*part).view(np.uint16)
            np.testing.assert_array_equal(result, expected[offset : 6000 - offset])


@pytest.mark.parametrize("dtype", HALF_TYPES, ids=str)
@pytest.mark.parametrize("step", [1, -1, 3], ids=["contiguous", "reversed", "spread"])
def test_products_are_rounded_to_nearest_even(dtype: np.dtype, step: int) -> None:
    """A product of two halves is exact in double: ties, overflow and subnormal results among them."""
    x = -np.abs(every_half(dtype))
    for slope in np.array([1, 1.5, -1.25, 0.0078125, 3e-5, 1.9921875, 300, np.inf], dtype):
        out = np.empty(abs(step) * x.size, dtype)[::step]
        with np.errstate(all="ignore"):
            nf.prelu(x, slope, out=out)
            expected = (x.astype(np.float64) * np.float64(slope)).astype(dtype)
            np.testing.assert_array_equal(out.astype(np.float64), expected.astype(np.float64))


@pytest.mark.parametrize("dtype", HALF_TYPES, ids=str)
def test_nan_keeps_its_payload(dtype: np.dtype) -> None:
    x = every_half(dtype)
    with np.errstate(invalid="ignore"):
        x = x[np.isnan(x)]
    quiet = x.view(np.uint16) | (0x200 if dtype == np.float16 else 0)  # on the way to float32, which bfloat16 nearly is
    for result in (nf.relu(x), nf.relu(x[::-1])[::-1], np.array([nf.relu(x[i : i + 1])[0] for i in range(x.size)])):
        np.testing.assert_array_equal(result.view(np.uint16), quiet)
