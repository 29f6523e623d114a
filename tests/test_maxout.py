"""maxout: the largest of a few neighbours, and the gradient back to the one that won."""

import numpy as np
import pytest

import npfuse as nf


def sample(shape: tuple[int, ...] = (4, 6, 12), dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(23).normal(size=shape).astype(dtype)


def pieces_of(x: np.ndarray, pieces: int, axis: int) -> np.ndarray:
    """Move the competitors to the last axis."""
    moved = np.moveaxis(x, axis, -1)
    return moved.reshape(*moved.shape[:-1], -1, pieces)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("pieces", [1, 2])
def test_forward_and_backward(dtype: type, axis: int, pieces: int) -> None:
    x = sample(dtype=dtype)
    y, index = nf.maxout(x, pieces, axis=axis, return_index=True)
    groups = pieces_of(x, pieces, axis)
    np.testing.assert_array_equal(np.moveaxis(y, axis, -1), groups.max(axis=-1))
    np.testing.assert_array_equal(np.moveaxis(index, axis, -1), groups.argmax(axis=-1))
    np.testing.assert_array_equal(nf.maxout(x, pieces, axis=axis), y)
    assert y.dtype == dtype
    assert index.dtype == np.int32

    dy = sample(y.shape, dtype)
    dx = nf.maxout_backward(dy, index, pieces, axis=axis)
    won = np.arange(pieces) == np.moveaxis(index, axis, -1)[..., None]
    expected = np.where(won, np.moveaxis(dy, axis, -1)[..., None], 0)
    np.testing.assert_array_equal(pieces_of(dx, pieces, axis), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("pieces", [1, 2, 3, 4, 6, 12])
def test_more_pieces(pieces: int, dtype: type) -> None:
    x = sample((50, 24 * 12), dtype)
    groups = pieces_of(x, pieces, -1)
    for laid_out in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[:, ::-1][:, ::-1]):
        y, index = nf.maxout(laid_out, pieces, return_index=True)
        np.testing.assert_array_equal(y, groups.max(axis=-1))
        np.testing.assert_array_equal(index, groups.argmax(axis=-1))
        np.testing.assert_array_equal(nf.maxout(laid_out, pieces), y)
        dx = nf.maxout_backward(y, index, pieces)
        won = np.arange(pieces) == index[..., None]
        np.testing.assert_array_equal(pieces_of(dx, pieces, -1), np.where(won, y[..., None], 0))


def test_the_first_of_equals_wins_and_nan_wins_over_all() -> None:
    y, index = nf.maxout(np.array([2, 2, 1, np.nan, np.nan, 5, -np.inf, -np.inf], np.float32), 2, return_index=True)
    np.testing.assert_array_equal(y, [2, np.nan, np.nan, -np.inf])
    np.testing.assert_array_equal(index, [0, 1, 0, 0])


def test_layouts() -> None:
    x = sample()
    expected = nf.maxout(x, 3)
    np.testing.assert_array_equal(nf.maxout(np.asfortranarray(x), 3), expected)
    np.testing.assert_array_equal(nf.maxout(np.repeat(x, 2, axis=2)[..., ::2], 3), expected)
    assert nf.maxout(np.empty((0, 6), np.float32), 3).shape == (0, 2)


def test_bad_input_is_refused() -> None:
    x = sample()
    with pytest.raises(ValueError, match="pieces"):
        nf.maxout(x, 5)
    with pytest.raises(ValueError, match="pieces"):
        nf.maxout(x, 0)
    with pytest.raises(ValueError, match="pieces must be at least 1 and less than 2"):
        nf.maxout_backward(np.ones(2), np.zeros(2, int), 2**70)
    with pytest.raises(TypeError, match="axis must be an integer, got '0'"):
        nf.maxout(np.ones(4), 2, axis="0")
    with pytest.raises(TypeError, match=r"^x must be of float16, .* got complex128"):
        nf.maxout(np.ones(4, complex), 2)
    with pytest.raises(TypeError, match="pieces"):
        nf.maxout(x, 2.0)
    with pytest.raises(ValueError, match="axis"):
        nf.maxout(x, 2, axis=3)
    dy = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="index"):
        nf.maxout_backward(dy, np.array([0, 1, 2]), 2)
    with pytest.raises(ValueError, match="index"):
        nf.maxout_backward(dy, np.array([0, 1]), 2)
    with pytest.raises(TypeError, match="index"):
        nf.maxout_backward(dy, np.array([0.0, 1.0, 1.0]), 2)


def test_masked_arrays_are_refused() -> None:
    x, index = np.ones(4, np.float32), np.zeros(2, np.int32)
    with pytest.raises(TypeError, match=r"^x must be an array without a mask"):
        nf.maxout(np.ma.array(x), 2)
    with pytest.raises(TypeError, match=r"^dy must be an array without a mask"):
        nf.maxout_backward(np.ma.array(x[:2]), index, 2)
    with pytest.raises(TypeError, match=r"^index must be an array without a mask"):
        nf.maxout_backward(x[:2], np.ma.array(index), 2)
