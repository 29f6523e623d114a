"""Biases and learnt slopes on a GPU: what is written and what is summed has the CPU's bits."""

import math

import numpy as np
import pytest

import npfuse as nf
from gpu import DTYPES, Device, Foreign, assert_same_bits, sample
from npfuse import _native, cuda

SHAPES = [(1, 1), (3, 5), (700, 33), (2, 40, 300), (130, 1025), (40_000, 2)]
ACTIVATIONS = [name for name in _native.activation_parameters if name not in {"prelu", "threshold"}]


def numbers(dtype: type, shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=2, size=shape).astype(dtype)


@pytest.mark.parametrize("columns", [33, 40])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bias_act_has_the_cpus_bits(device: Device, name: str, dtype: type, columns: int) -> None:
    shapes = [(70, columns), (70, columns), (columns,)]
    dy, x, bias = (numbers(dtype, shape, seed) for seed, shape in enumerate(shapes))
    on_gpu = [cuda.asarray(array) for array in (dy, x, bias)]
    assert_same_bits(cuda.bias_act(*on_gpu[1:], name).get(), nf.bias_act(x, bias, name))
    for actual, expected in zip(
        cuda.bias_act_backward(*on_gpu, name), nf.bias_act_backward(dy, x, bias, name), strict=True
    ):
        assert_same_bits(actual.get(), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_bias_gradients_of_every_shape(device: Device, shape: tuple[int, ...]) -> None:
    dy, x, bias = (numbers(np.float32, each, seed) for seed, each in enumerate([shape, shape, shape[-1:]]))
    actual = cuda.bias_act_backward(*map(cuda.asarray, (dy, x, bias)), "gelu")
    for result, expected in zip(actual, nf.bias_act_backward(dy, x, bias, "gelu"), strict=True):
        assert_same_bits(result.get(), expected)


def test_a_sum_of_halves_is_rounded_once(device: Device) -> None:
    """626.75 less a little is nearer to 626.5 than to 627, which it is not once it has been rounded to float32."""
    dy, bias = np.array([[512], [114.75], [-(2.0**-20)]], np.float16), np.zeros(1, np.float16)
    _, dbias = cuda.bias_act_backward(cuda.asarray(dy), cuda.asarray(np.ones_like(dy)), cuda.asarray(bias), "relu")
    assert dbias.get() == nf.bias_act_backward(dy, np.ones_like(dy), bias, "relu")[1] == 626.5


def test_bias_act_in_place_and_of_views(device: Device) -> None:
    x, bias = numbers(np.float64, (30, 40), 0), numbers(np.float64, (30,), 1)
    on_gpu, on_gpu_bias = cuda.asarray(x), cuda.asarray(bias)
    view = cuda.bias_act(Foreign(on_gpu, x, x.T), on_gpu_bias, "elu", alpha=0.5)
    assert_same_bits(view.get(), nf.bias_act(x.T, bias, "elu", alpha=0.5))
    square = cuda.asarray(x[:, :30])
    assert cuda.bias_act(square, on_gpu_bias, "silu", out=square) is square
    assert_same_bits(square.get(), nf.bias_act(x[:, :30], bias, "silu"))


SLOPES = [
    ((6, 5, 7, 8), (5, 1, 1)),
    ((6, 5, 7, 8), ()),
    ((6, 5, 7, 8), (1,)),
    ((6, 5, 7, 8), (8,)),
    ((6, 5, 7, 8), (5, 7, 8)),
    ((6, 5, 7, 8), (6, 5, 7, 8)),
    ((6, 5, 7, 8), (6, 1, 1, 1)),
    ((6, 5, 7, 8), (7, 1)),
    ((2, 3, 70_000), (3, 1)),
    ((50_000, 3), (3,)),
]


@pytest.mark.parametrize(("shape", "of_slope"), SLOPES)
def test_slope_gradients_have_the_cpus_bits(device: Device, shape: tuple, of_slope: tuple) -> None:
    for dtype in DTYPES if shape[0] == 6 else DTYPES[2:]:
        dy, x, slope = (numbers(dtype, each, seed) for seed, each in enumerate([shape, shape, of_slope]))
        actual = cuda.prelu_backward(*(cuda.asarray(array) for array in (dy, x, np.asarray(slope))))
        for result, expected in zip(actual, nf.prelu_backward(dy, x, slope), strict=True):
            assert_same_bits(result.get(), np.asarray(expected))


def test_a_slope_may_be_a_number(device: Device) -> None:
    dy, x = numbers(np.float32, (10, 20), 0), numbers(np.float32, (10, 20), 1)
    for result, expected in zip(
        cuda.prelu_backward(cuda.asarray(dy), cuda.asarray(x), 0.25), nf.prelu_backward(dy, x, 0.25), strict=True
    ):
        assert_same_bits(result.get(), np.asarray(expected))


def test_slopes_of_scattered_axes_are_refused(device: Device) -> None:
    x = cuda.asarray(np.ones((2, 3, 4), np.float32))
    with pytest.raises(ValueError, match="slope: on a GPU"):
        cuda.prelu_backward(x, x, cuda.asarray(np.ones((2, 1, 4), np.float32)))


@pytest.mark.parametrize("shape", [(4, 6, 10), (6, 2, 32)])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_glu_has_the_cpus_bits(device: Device, dtype: type, axis: int, shape: tuple[int, ...]) -> None:
    x = sample(dtype, math.prod(shape)).reshape(shape)
    y = nf.glu(x, axis)
    assert_same_bits(cuda.glu(cuda.asarray(x), axis).get(), y)
    assert_same_bits(cuda.glu_backward(cuda.asarray(y), cuda.asarray(x), axis).get(), nf.glu_backward(y, x, axis))
