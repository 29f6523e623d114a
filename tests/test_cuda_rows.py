"""Operations along an axis have the CPU's bits on a GPU: rows of every length, along any axis, in any layout."""

import numpy as np
import pytest

import npfuse as nf
from gpu import DTYPES, Device, Foreign, assert_same_bits, sample
from npfuse import cuda

NAMES = ["softmax", "log_softmax", "logsumexp"]
LENGTHS = [1, 2, 10, 16, 17, 31, 32, 33, 100, 128, 129, 256, 257, 1024, 1025, 2048, 3000]


def scores(dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    return (np.random.default_rng(7).normal(size=shape) * 5).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", NAMES)
def test_rows_have_the_cpus_bits(device_in_either_order: Device, name: str, n: int, dtype: type) -> None:
    x = scores(dtype, (19, n))
    y = getattr(nf, name)(x)
    assert_same_bits(getattr(cuda, name)(cuda.asarray(x)).get(), y)
    dy, given = scores(dtype, y.shape)[::-1].copy(), x if name == "logsumexp" else y
    expected = getattr(nf, f"{name}_backward")(dy, given)
    assert_same_bits(getattr(cuda, f"{name}_backward")(cuda.asarray(dy), cuda.asarray(given)).get(), expected)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("n", [4096, 4097, 8193])
@pytest.mark.parametrize("name", NAMES)
def test_long_rows_are_summed_in_runs(device_in_either_order: Device, name: str, n: int, axis: int) -> None:
    x = scores(np.float64, (2, n) if axis else (n, 2))
    y = getattr(nf, name)(x, axis=axis)
    assert_same_bits(getattr(cuda, name)(cuda.asarray(x), axis).get(), y)
    given = x if name == "logsumexp" else y
    expected = getattr(nf, f"{name}_backward")(y, given, axis=axis)
    assert_same_bits(getattr(cuda, f"{name}_backward")(cuda.asarray(y), cuda.asarray(given), axis).get(), expected)


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
@pytest.mark.parametrize("name", NAMES)
def test_any_axis(device_in_either_order: Device, name: str, axis: int) -> None:
    x = scores(np.float32, (17, 70, 6))
    y = getattr(nf, name)(x, axis=axis)
    assert_same_bits(getattr(cuda, name)(cuda.asarray(x), axis).get(), y)
    given = x if name == "logsumexp" else y
    expected = getattr(nf, f"{name}_backward")(y, given, axis=axis)
    assert_same_bits(getattr(cuda, f"{name}_backward")(cuda.asarray(y), cuda.asarray(given), axis).get(), expected)


@pytest.mark.parametrize("n", [40, 2000])
@pytest.mark.parametrize("name", NAMES)
def test_any_bits(device_in_either_order: Device, name: str, n: int) -> None:
    """Infinities, subnormals and overflow, a row of each kind of trouble, NaN among them."""
    x = sample(np.float32, 16 * n).reshape(16, n)
    x[0, 3], x[1] = np.nan, -np.inf
    x[2, n // 2], x[3], x[4, 0], x[5, -1] = np.inf, 0, np.nan, np.nan
    x[5, 5] = np.inf
    assert_same_bits(getattr(cuda, name)(cuda.asarray(x)).get(), getattr(nf, name)(x))


@pytest.mark.parametrize("name", NAMES)
def test_layouts_and_out(device_in_either_order: Device, name: str) -> None:
    x = scores(np.float64, (40, 30))
    on_gpu = cuda.asarray(x)
    view = x[::2, ::-1].T
    assert_same_bits(getattr(cuda, name)(Foreign(on_gpu, x, view)).get(), getattr(nf, name)(view))
    if name != "logsumexp":
        assert getattr(cuda, name)(on_gpu, out=on_gpu) is on_gpu
        assert_same_bits(on_gpu.get(), getattr(nf, name)(x))


def test_empty_rows(device_in_either_order: Device) -> None:
    for shape in ((3, 0), (0, 3)):
        x = np.zeros(shape, np.float32)
        for name in NAMES:
            assert_same_bits(getattr(cuda, name)(cuda.asarray(x)).get(), getattr(nf, name)(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_maxout_has_the_cpus_bits(device_in_either_order: Device, axis: int, dtype: type) -> None:
    x = sample(dtype, 12 * 12 * 24).reshape(12, 12, 24)
    x[2, 3, 4:9] = np.nan
    y, index = nf.maxout(x, 3, axis, return_index=True)
    on_gpu, winners = cuda.maxout(cuda.asarray(x), 3, axis, return_index=True)
    assert_same_bits(on_gpu.get(), y)
    np.testing.assert_array_equal(winners.get(), index)
    assert_same_bits(cuda.maxout(cuda.asarray(x), 3, axis).get(), y)
    dx = nf.maxout_backward(y, index, 3, axis)
    assert_same_bits(cuda.maxout_backward(on_gpu, winners, 3, axis).get(), dx)
