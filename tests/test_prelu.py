"""prelu learns its slope: the gradient is summed to the slope's shape."""

from itertools import product

import ml_dtypes
import numpy as np
import pytest

import npfuse as nf

SHAPE = (6, 5, 40, 3)
SLOPE_SHAPES = [(), (1,), (3,), (5, 1, 1), (5, 40, 3), (6, 1, 1, 1), (40, 1), (1, 5, 1, 3), SHAPE]


def sample(dtype: type = np.float32, shape: tuple[int, ...] = SHAPE) -> list[np.ndarray]:
    return [array.astype(dtype) for array in np.random.default_rng(21).normal(size=(2, *shape))]


def slope_of(shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(22).normal(size=shape).astype(dtype) * np.ones(shape, dtype)


def summed_to(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    padded = (1,) * (array.ndim - len(shape)) + shape
    axes = tuple(axis for axis, length in enumerate(padded) if length == 1)
    return array.sum(axis=axes, keepdims=True).reshape(shape)


@pytest.mark.parametrize("shape", SLOPE_SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_backward(shape: tuple[int, ...], dtype: type) -> None:
    dy, x = sample(dtype)
    slope = slope_of(shape, dtype)
    dx, dslope = nf.prelu_backward(dy, x, slope)
    np.testing.assert_array_equal(dx, np.where(x > 0, dy, dy * slope))
    terms = np.where(x > 0, 0, dy.astype(np.longdouble) * x)
    exact = summed_to(terms, shape)
    tolerance = 2 * np.finfo(dtype).eps
    assert dslope.shape == shape
    assert dslope.dtype == dtype
    np.testing.assert_allclose(dslope, exact, rtol=tolerance, atol=tolerance * summed_to(np.abs(terms), shape).max())


@pytest.mark.parametrize("shape", [(2, 7), (1, 2, 1, 3), (2, 1), (1, 1), (2, 2, 1, 2)], ids=str)
def test_axes_of_one_and_two(shape: tuple[int, ...]) -> None:
    dy, x = sample(np.float64, shape)
    for own in product(*({1, length} for length in shape)):
        dx, dslope = nf.prelu_backward(dy, x, slope_of(own, np.float64))
        np.testing.assert_array_equal(dx, np.where(x > 0, dy, dy * slope_of(own, np.float64)))
        np.testing.assert_allclose(dslope, summed_to(np.where(x > 0, 0, dy * x), own), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("shape", SLOPE_SHAPES, ids=str)
def test_sums_do_not_depend_on_threads_or_layout(shape: tuple[int, ...]) -> None:
    dy, x = sample(shape=(60, 50, 40, 3))
    slope = slope_of(tuple({6: 60, 5: 50}.get(length, length) for length in shape))
    _, expected = nf.prelu_backward(dy, x, slope)
    before = nf.get_num_threads()
    try:
        for threads in (1, 2, 7):
            nf.set_num_threads(threads)
            for arrays in ((dy, x), (np.asfortranarray(dy), x), (dy, np.repeat(x, 2, axis=0)[::2])):
                np.testing.assert_array_equal(nf.prelu_backward(*arrays, slope)[1], expected)
    finally:
        nf.set_num_threads(before)


def test_a_slope_per_channel_equals_leaky_relu_on_each() -> None:
    dy, x = sample()
    slope = slope_of((5, 1, 1))
    y, (dx, _) = nf.prelu(x, slope), nf.prelu_backward(dy, x, slope)
    for channel, value in enumerate(slope.ravel()):
        np.testing.assert_array_equal(y[:, channel], nf.leaky_relu(x[:, channel], value))
        np.testing.assert_array_equal(dx[:, channel], nf.leaky_relu_backward(dy[:, channel], x[:, channel], value))


@pytest.mark.parametrize("slope", [0.25, 1])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_a_python_number_promotes_nothing(dtype: type, slope: float) -> None:
    dy, x = sample(dtype)
    assert [array.dtype for array in nf.prelu_backward(dy, x, slope)] == [dtype, dtype]


def test_zero_size() -> None:
    dx, dslope = nf.prelu_backward(np.empty((0, 3), np.float32), np.empty((0, 3), np.float32), np.ones(3, np.float32))
    assert dx.shape == (0, 3)
    np.testing.assert_array_equal(dslope, np.zeros(3))


def test_bad_input_is_refused() -> None:
    dy, x = sample()
    with pytest.raises(ValueError, match="slope"):
        nf.prelu_backward(dy, x, np.ones(7, np.float32))
    with pytest.raises(ValueError, match="dy"):
        nf.prelu_backward(dy[0], x, np.float32(1))
    with pytest.raises(TypeError):
        nf.prelu_backward(dy.astype(complex), x, np.float32(1))


def test_the_slope_has_no_default() -> None:
    with pytest.raises(TypeError, match="slope"):
        nf.prelu(np.ones(3))


@pytest.mark.parametrize("name", ["dy", "x", "slope"])
def test_masked_arrays_are_refused(name: str) -> None:
    dy, x = sample()
    given = {"dy": dy, "x": x, "slope": np.float32(0.5) * np.ones(3, np.float32)}
    with pytest.raises(TypeError, match=rf"^{name} must be an array without a mask"):
        nf.prelu_backward(**{**given, name: np.ma.array(given[name])})


def test_sums_beyond_the_dtype_are_infinite_and_warn_of_nothing() -> None:
    x = np.full((100, 3), 600, np.float16)
    with np.errstate(all="raise"):
        _, dslope = nf.prelu_backward(x, -x, np.float16(0.1))
        _, dslopes = nf.prelu_backward(x, -x, np.full(3, 0.1, np.float16))
        _, dbias = nf.bias_act_backward(x * 10, x, np.zeros(3, np.float16), "relu")
    assert dslope == -np.inf
    assert (dslopes == -np.inf).all()
    assert (dbias == np.inf).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_slopes_gradient_does_not_depend_on_the_order_of_memory(dtype: type) -> None:
    random = np.random.default_rng(3)
    dy, x = random.normal(size=(2, 80, 2, 3)).astype(dtype)
    slope = np.full((2, 1), 0.25, dtype)
    _, expected = nf.prelu_backward(dy, x, slope)
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)):
        back = np.argsort(order)
        views = [np.ascontiguousarray(array.transpose(order)).transpose(back) for array in (dy, x)]
        np.testing.assert_array_equal(nf.prelu_backward(*views, slope)[1], expected)
