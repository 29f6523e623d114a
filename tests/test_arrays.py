"""Arrays of every shape and layout go in and out as they do with NumPy's own ufuncs."""

from itertools import product

import numpy as np
import pytest

from table import Kernel

DTYPES = [np.float16, np.float32, np.float64]
LENGTHS = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 65, 127, 1023, 2047, 2049, 5000, 100_001]


def sample(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(5).normal(scale=3, size=shape).astype(dtype)


def with_x(kernel: Kernel, x: np.ndarray) -> tuple:
    """Operands of which x is exactly the array given, with its layout."""
    operands = list(kernel.operands(np.ascontiguousarray(x.astype(x.dtype.newbyteorder("=")))))
    operands[1 if kernel.backward else 0] = x
    return tuple(operands)


def test_every_length(kernel: Kernel) -> None:
    """Whatever is left over beside full vectors and blocks is computed like the rest."""
    for dtype in DTYPES:
        pattern = sample(17, dtype=dtype)
        expected = kernel(pattern)
        for n in LENGTHS:
            result = kernel(np.resize(pattern, n))
            assert (result.shape, result.dtype) == ((n,), dtype)
            np.testing.assert_array_equal(result, np.resize(expected, n), err_msg=f"{n} of {result.dtype}")


def test_shape_is_kept(kernel: Kernel) -> None:
    for shape in [(), (1,), (0, 3), (3, 0), (2, 3, 4), (1, 1, 1)]:
        x = sample(*shape)
        result = kernel(x)
        assert result.shape == shape
        np.testing.assert_array_equal(np.ravel(result), kernel(x.reshape(-1)))


def test_zero_dimensions_give_a_scalar(kernel: Kernel) -> None:
    assert isinstance(kernel.function(*kernel.operands(np.asarray(np.float32(0.5)))), np.float32)


VIEWS = {
    "step": lambda a: a[:, ::2],
    "reversed": lambda a: a[:, ::-1],
    "both": lambda a: a[::-3, 1::5],
    "transposed": lambda a: a.T,
    "cropped": lambda a: a[:, 3:-4],
    "row": lambda a: a[:1].repeat(1, axis=0),
    "broadcast": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "fortran": lambda a: np.asfortranarray(a),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
}


def test_layout_changes_nothing(kernel: Kernel) -> None:
    for dtype in DTYPES:
        for name, view in VIEWS.items():
            x = view(sample(40, 70, dtype=dtype))
            expected = kernel(np.ascontiguousarray(x).astype(dtype))
            result = kernel.function(*with_x(kernel, x))
            np.testing.assert_array_equal(result, expected, err_msg=f"{name}, {x.dtype}")


def test_unaligned(kernel: Kernel) -> None:
    for dtype, n in product(DTYPES, [5, 5000]):
        raw = np.zeros(n * np.dtype(dtype).itemsize + 1, np.uint8)
        x, out = raw[1:].view(dtype), raw.copy()[1:].view(dtype)
        assert not x.flags.aligned
        x[:] = sample(n, dtype=dtype)
        expected = kernel(x.copy())
        np.testing.assert_array_equal(kernel.function(*with_x(kernel, x), out=out), expected)
        np.testing.assert_array_equal(out, expected)


def test_out_may_be_larger(forward: Kernel) -> None:
    x = sample(5, 7)
    out = np.empty((3, 5, 7), np.float32)
    forward.function(*forward.operands(x), out=out)
    np.testing.assert_array_equal(out, np.broadcast_to(forward(x), out.shape))


def test_dy_and_x_broadcast(backward: Kernel) -> None:
    dy, x = np.broadcast_arrays(sample(5, 1), sample(1, 7) / 2)
    expected = backward(x.copy(), dy.copy())
    _, _, *parameters = backward.operands(x)
    np.testing.assert_array_equal(backward.function(dy[:, :1], x[:1], *parameters), expected)


def test_parameters_broadcast(parametric: Kernel) -> None:
    """A column of parameters gives each row its own."""
    *arrays, last = parametric.operands(sample(3, 300))
    column = last * np.array([[0.5], [1], [3]], np.float32)
    together = parametric.function(*arrays, column)
    for row, parameter in enumerate(column[:, 0]):
        np.testing.assert_array_equal(together[row], parametric.function(*arrays, parameter)[row])


def test_out(kernel: Kernel) -> None:
    x = sample(1000)
    expected = kernel(x)
    operands = kernel.operands(x)
    out = np.empty_like(x)
    assert kernel.function(*operands, out) is out
    np.testing.assert_array_equal(out, expected)
    strided = np.full(2000, 7, np.float32)
    kernel.function(*operands, out=(strided[::2],))
    np.testing.assert_array_equal(strided[::2], expected)
    assert (strided[1::2] == 7).all()
    wider = np.empty(1000, np.float64)
    kernel.function(*operands, out=wider)
    np.testing.assert_array_equal(wider, expected)


def test_out_of_less_precision_is_refused(kernel: Kernel) -> None:
    out = np.zeros(4, np.int32)
    with pytest.raises(TypeError, match="same_kind"):
        kernel.function(*kernel.operands(sample(4)), out=out)
    assert not out.any()


def test_where_leaves_the_rest_alone(kernel: Kernel) -> None:
    x = sample(1000)
    mask = np.random.default_rng(6).random(1000) < 0.5
    out = np.full_like(x, 7)
    kernel.function(*kernel.operands(x), out=out, where=mask)
    np.testing.assert_array_equal(out, np.where(mask, kernel(x), 7))


def test_overlap(kernel: Kernel) -> None:
    """In place, shifted by one in either direction and reversed: as if the input had been copied first."""
    for dtype, n in product(DTYPES, [10, 5000, 200_000]):
        whole = sample(n + 1, dtype=dtype)
        for target in (np.s_[:-1], np.s_[1:], np.s_[-2::-1]):
            memory = whole.copy()
            expected = kernel(memory[:-1].copy())
            kernel.function(*with_x(kernel, memory[:-1]), out=memory[target])
            np.testing.assert_array_equal(memory[target], expected, err_msg=f"{n} of {whole.dtype} to {target}")


def test_out_may_be_dy(backward: Kernel) -> None:
    dy, x, *parameters = backward.operands(sample(5000))
    expected = backward(x)
    backward.function(dy, x, *parameters, out=dy)
    np.testing.assert_array_equal(dy, expected)


def test_read_only_input_is_read_and_output_refused(kernel: Kernel) -> None:
    x = sample(10)
    operands = kernel.operands(x)
    for operand in operands:
        if isinstance(operand, np.ndarray):
            operand.flags.writeable = False
    before = x.copy()
    kernel.function(*operands)
    with pytest.raises(ValueError, match="read-only"):
        kernel.function(*operands, out=x)
    np.testing.assert_array_equal(x, before)


def test_operands_are_not_written(kernel: Kernel) -> None:
    operands = kernel.operands(sample(5000))
    before = [operand.copy() for operand in operands]
    kernel.function(*operands)
    for operand, copy in zip(operands, before, strict=True):
        np.testing.assert_array_equal(operand, copy)


def test_shapes_that_do_not_fit_are_refused(kernel: Kernel) -> None:
    out = np.full((2, 3), 7, np.float32)
    with pytest.raises(ValueError, match="broadcast"):
        kernel.function(*kernel.operands(sample(4)), out=out)
    assert (out == 7).all()
