"""The gated units: an activation of one operand times the other, and both gradients in one pass."""

from collections.abc import Callable

import numpy as np
import pytest

import npfuse as nf
from table import GATED, Gated

DTYPES = [np.float32, np.float64]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "gated" in metafunc.fixturenames:
        metafunc.parametrize("gated", GATED, ids=[gated.name for gated in GATED])


def forward(gated: Gated) -> Callable[..., np.ndarray]:
    return getattr(nf, gated.name)


def backward(gated: Gated) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    return getattr(nf, f"{gated.name}_backward")


def sample(dtype: type, n: int = 20_000) -> list[np.ndarray]:
    return [array.astype(dtype) for array in np.random.default_rng(17).normal(scale=3, size=(3, n))]


def as_float64(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [array.astype(np.float64) for array in arrays]


def test_forward_is_the_product(gated: Gated) -> None:
    _, gate, x = sample(np.float32)
    wide_gate, wide_x = as_float64([gate, x])
    exact = getattr(nf, gated.activation)(wide_gate) * wide_x
    tolerance = gated.forward_ulp * np.finfo(np.float32).eps
    np.testing.assert_allclose(forward(gated)(gate, x), exact, rtol=tolerance, atol=2.0**-149)


def test_backward_is_both_derivatives(gated: Gated) -> None:
    dy, gate, x = sample(np.float32)
    wide_dy, wide_gate, wide_x = as_float64([dy, gate, x])
    slope = getattr(nf, f"{gated.activation}_backward")(np.ones_like(wide_gate), wide_gate)
    dgate, dx = backward(gated)(dy, gate, x)
    tolerance = gated.backward_ulp * np.finfo(np.float32).eps
    # The slope of silu and gelu crosses zero, where its own error is absolute.
    np.testing.assert_allclose(dgate, wide_dy * wide_x * slope, rtol=tolerance, atol=2.0**-24 * np.abs(dy * x).max())
    np.testing.assert_allclose(dx, wide_dy * getattr(nf, gated.activation)(wide_gate), rtol=tolerance, atol=2.0**-149)


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_at_every_place_and_with_every_layout(gated: Gated, dtype: type) -> None:
    dy, gate, x = sample(dtype, 3001)
    expected = [forward(gated)(gate, x), *backward(gated)(dy, gate, x)]
    for step in (2, -1):
        spread = [np.repeat(array, abs(step))[::step] for array in (dy, gate, x)]
        views = [forward(gated)(*spread[1:]), *backward(gated)(*spread)]
        for result, straight in zip(views, expected, strict=True):
            np.testing.assert_array_equal(result, straight[::step] if step < 0 else straight)
    alone = backward(gated)(dy[100:101], gate[100:101], x[100:101])
    assert [alone[0][0], alone[1][0]] == [expected[1][100], expected[2][100]]


def test_the_place_in_a_cache_line_does_not_matter(gated: Gated) -> None:
    dy, gate, x = sample(np.float32, 4200)
    expected = backward(gated)(dy, gate, x)
    for offset in range(16):
        dgate, dx = (np.concatenate([np.zeros(offset, np.float32), array])[offset:] for array in (gate, x))
        backward(gated)(dy, dgate, dx, out=(dgate, dx))
        np.testing.assert_array_equal(dgate, expected[0])
        np.testing.assert_array_equal(dx, expected[1])


def test_operands_broadcast_and_outputs_may_be_given(gated: Gated) -> None:
    dy, gate, x = (array.reshape(4, 5) for array in sample(np.float32, 20))
    row = x[:1]
    np.testing.assert_array_equal(forward(gated)(gate, row), forward(gated)(gate, np.repeat(row, 4, axis=0)))
    dgate, dx = np.empty_like(dy), np.empty_like(dy)
    results = backward(gated)(dy, gate, x, out=(dgate, dx))
    assert results[0] is dgate
    assert results[1] is dx
    fresh = backward(gated)(dy, gate, x)
    np.testing.assert_array_equal(dgate, fresh[0])
    np.testing.assert_array_equal(dx, fresh[1])
    backward(gated)(dy, gate, x, out=(gate, x))
    np.testing.assert_array_equal(gate, fresh[0])
    np.testing.assert_array_equal(x, fresh[1])


@pytest.mark.parametrize("dtype", [np.float16, "bfloat16"])
def test_half_types_compute_in_float32(gated: Gated, dtype: type | str) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    dy, gate, x = sample(dtype)
    wide = [array.astype(np.float32) for array in (dy, gate, x)]
    np.testing.assert_array_equal(forward(gated)(gate, x), forward(gated)(*wide[1:]).astype(dtype))
    for result, exact in zip(backward(gated)(dy, gate, x), backward(gated)(*wide), strict=True):
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, exact.astype(dtype))


def test_nan_and_silence(gated: Gated) -> None:
    specials = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e-45, 3e38, -3e38], np.float32)
    gate, x = (grid.ravel() for grid in np.meshgrid(specials, specials))
    with np.errstate(all="raise"):
        result = forward(gated)(gate, x)
        backward(gated)(np.ones_like(x), gate, x)
    assert np.isnan(result[np.isnan(gate) | np.isnan(x)]).all()


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_glu_splits_one_array(axis: int) -> None:
    """The first half is the value, the second the gate, as in torch."""
    x = np.random.default_rng(18).normal(size=(6, 8, 4)).astype(np.float32)
    value, gate = np.split(x, 2, axis=axis)
    np.testing.assert_array_equal(nf.glu(x, axis=axis), nf.sigmoid_glu(gate, value))
    dy = np.random.default_rng(19).normal(size=value.shape).astype(np.float32)
    dgate, dvalue = nf.sigmoid_glu_backward(dy, gate, value)
    np.testing.assert_array_equal(nf.glu_backward(dy, x, axis=axis), np.concatenate([dvalue, dgate], axis=axis))


def test_glu_refuses_what_does_not_split() -> None:
    with pytest.raises(ValueError, match="axis"):
        nf.glu(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match="axis"):
        nf.glu(np.ones((2, 4), np.float32), axis=5)


def test_masked_arrays_are_refused_by_glu() -> None:
    x = np.ones(4, np.float32)
    with pytest.raises(TypeError, match=r"^x must be an array without a mask"):
        nf.glu(np.ma.array(x))
    with pytest.raises(TypeError, match=r"^x must be an array without a mask"):
        nf.glu_backward(x[:2], np.ma.array(x))
    with pytest.raises(TypeError, match=r"^dy must be an array without a mask"):
        nf.glu_backward(np.ma.array(x[:2]), x)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_both_gradients_take_over_the_mask_of_an_operand(gated: Gated, position: int) -> None:
    operands = [np.float32([1, 2, 3]) for _ in range(3)]
    operands[position] = np.ma.array(operands[position], mask=[False, True, False])
    for result in backward(gated)(*operands):
        assert result.mask.tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 5, 100, 5000, 70_001])
def test_gradients_may_take_the_place_of_any_operands(gated: Gated, dtype: type, n: int) -> None:
    """In whichever order: the bits are those of separate memory."""
    expected = backward(gated)(*sample(dtype, n))
    for first in range(3):
        for second in range(3):
            if first == second:
                continue
            operands = sample(dtype, n)
            results = backward(gated)(*operands, out=(operands[first], operands[second]))
            assert results[0] is operands[first]
            for result, separate in zip(results, expected, strict=True):
                np.testing.assert_array_equal(result, separate)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_beyond_the_range_is_brought_back_by_the_slope(dtype: type) -> None:
    """The slope of a closed gate is small: its product with a large gradient and a large operand is not infinite."""
    large, gate = dtype(np.finfo(dtype).max / 2), dtype(-12)
    slope = float(nf.swiglu_backward(dtype(1), gate, dtype(1))[0])
    for dy, x in ((large, dtype(-8)), (dtype(-8), large)):
        dgate, _ = nf.swiglu_backward(dy, gate, x)
        assert dgate == pytest.approx((-8 * slope) * float(large), rel=float(4 * np.finfo(dtype).eps))
    assert np.isinf(nf.swiglu_backward(large, dtype(3), large)[0])


COMPLEX = np.ones(4, complex)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nf.glu(COMPLEX), TypeError, r"^x must be of float16, .*, got complex128"),
        (lambda: nf.glu_backward(COMPLEX[:2], np.ones(4)), TypeError, r"^dy must be of float16, .*, got complex128"),
        (lambda: nf.glu(np.complex64(1)), TypeError, r"^x must be of float16, .*, got complex64"),
        (lambda: nf.glu([1j, 1j]), TypeError, r"^x must be of float16, .*, got complex128"),
        (lambda: nf.glu(np.ones(4), axis="0"), TypeError, r"^axis must be an integer, got '0'"),
        (lambda: nf.glu(np.ones(4), axis=1), ValueError, r"^axis must be one of the 1 axes of x, got 1"),
        (lambda: nf.glu_backward(np.ones(3), np.ones(4)), ValueError, r"^dy must be of shape \(2,\), .*, got \(3,\)"),
    ],
)
def test_bad_arguments_of_glu_are_named(call: Callable[[], object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
