"""float16 and bfloat16: the truth, rounded once, for every one of their 65,536 values."""

import ml_dtypes
import numpy as np
import pytest

import npfuse as nf
from exact import is_nearest
from npfuse import _native
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
def test_every_result_is_that_of_float32_rounded_once(any_kernel: Kernel, dtype: np.dtype) -> None:
    """Parameters that are Python numbers are those of float32, whatever the half type could hold of them."""
    x = every_half(dtype)
    arrays = any_kernel.operands(x)[: 2 if any_kernel.backward else 1]
    defaults = _native.activation_parameters[any_kernel.activation.name]
    calls = [(any_kernel.parameters, {}), ((), dict(zip(defaults, any_kernel.parameters, strict=True)))]
    if not getattr(any_kernel.function, "required", 0):
        calls.append(((), {}))
    for positional, named in calls if defaults else [((), {})]:
        parameters = positional or named.values() or defaults.values()
        with np.errstate(all="ignore"):
            expected = any_kernel.function(*(array.astype(np.float32) for array in arrays), *parameters).astype(dtype)
            for choice in ({}, {"dtype": dtype}, {"out": np.empty_like(x), "where": np.True_}):
                result = any_kernel.function(*arrays, *positional, **named, **choice)
                assert result.dtype == dtype
                np.testing.assert_array_equal(result.astype(np.float64), expected.astype(np.float64))
            for i in (0, 12345, 50000):
                scalar = any_kernel.function(*(array[i] for array in arrays), *positional, **named)
                assert scalar.dtype == dtype
                np.testing.assert_array_equal(np.float64(scalar), np.float64(expected[i]))


@pytest.mark.parametrize("dtype", HALF_TYPES, ids=str)
def test_bias_and_prelu_take_numbers_as_float32_does(dtype: np.dtype) -> None:
    with np.errstate(invalid="ignore"):
        x = every_half(dtype)[np.isfinite(every_half(dtype))][:60_000].reshape(-1, 50)
    bias = np.linspace(-1, 1, 50).astype(dtype)
    half = (np.broadcast_to(bias, x.shape), x, bias)
    wide = tuple(array.astype(np.float32) for array in half)
    with np.errstate(all="ignore"):
        for name, given in {"leaky_relu": (0.1,), "hard_sigmoid": (), "elu": (1.1,), "swish": (1.1,)}.items():
            named = dict(zip(_native.activation_parameters[name], given, strict=False))
            expected = nf.bias_act(*wide[1:], name, **named).astype(dtype)
            np.testing.assert_array_equal(nf.bias_act(*half[1:], name, **named), expected)
            expected = nf.bias_act_backward(*wide, name, **named)
            for result, single in zip(nf.bias_act_backward(*half, name, **named), expected, strict=True):
                np.testing.assert_array_equal(result, single.astype(dtype))
        dx, _ = nf.prelu_backward(*half[:2], 0.1)
        np.testing.assert_array_equal(dx, nf.prelu_backward(*wide[:2], 0.1)[0].astype(dtype))


@pytest.mark.parametrize("dtype", HALF_TYPES, ids=str)
def test_arrays_of_parameters_promote_as_numpy_does(dtype: np.dtype) -> None:
    x = np.array([-3, -0.1, 2], dtype)
    exact = np.array(0.1, dtype)
    np.testing.assert_array_equal(nf.leaky_relu(x, exact), nf.leaky_relu(x, float(exact)))
    assert nf.leaky_relu(x, np.full(3, exact)).dtype == dtype
    assert nf.hard_sigmoid(x, exact, 0.1).dtype == nf.hard_sigmoid(x, 0.1, np.full(3, exact)).dtype == dtype
    expected = nf.hard_sigmoid(x.astype(np.float32), np.float32(exact), 0.1).astype(dtype)
    np.testing.assert_array_equal(nf.hard_sigmoid(x, exact, 0.1), expected)
    for parameter in (np.float32(0.1), np.full(3, 0.1, np.float32)):
        result = nf.leaky_relu(x, parameter)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, nf.leaky_relu(x.astype(np.float32), np.float32(0.1)))


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
