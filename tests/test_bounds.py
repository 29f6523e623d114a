"""No operation writes beside its output: what lies before and behind it stays as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import npfuse as nf
from table import GATED, LOSSES, ROWS, Kernel, Loss, RowOperation

MARK = 7.0
SHAPES = [(5,), (3, 5), (2, 40, 33), (1, 4, 4100)]


@contextmanager
def surrounded(shape: tuple[int, ...], dtype: type = np.float32) -> Iterator[np.ndarray]:
    """Lend an array in the middle of a larger one, and check what is around it."""
    size = int(np.prod(shape))
    memory = np.full(3 * size, MARK, dtype)
    yield memory[size : 2 * size].reshape(shape)
    assert (memory[:size] == MARK).all()
    assert (memory[2 * size :] == MARK).all()


def numbers(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(17).normal(size=shape).astype(dtype)


def test_elementwise(any_kernel: Kernel) -> None:
    for shape in SHAPES:
        for dtype in (np.float16, np.float32, np.float64):
            x = numbers(*shape, dtype=dtype)
            with surrounded(shape, dtype) as out:
                any_kernel.function(*any_kernel.operands(x), out=out)
                np.testing.assert_array_equal(out, any_kernel(x))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows(row: RowOperation) -> None:
    function, backward = getattr(nf, row.name), getattr(nf, f"{row.name}_backward")
    for shape in SHAPES:
        x = numbers(*shape)
        expected = function(x)
        with surrounded(expected.shape) as out:
            function(x, out=out)
            np.testing.assert_array_equal(out, expected)
        given = expected if row.backward_from_output else x
        with surrounded(shape) as out:
            backward(numbers(*expected.shape), given, out=out)
            np.testing.assert_array_equal(out, backward(numbers(*expected.shape), given))


@pytest.mark.parametrize("name", [row.name for row in GATED])
def test_gated(name: str) -> None:
    for shape in SHAPES:
        gate, x = numbers(*shape), -numbers(*shape)
        with surrounded(shape) as out:
            getattr(nf, name)(gate, x, out=out)
            np.testing.assert_array_equal(out, getattr(nf, name)(gate, x))


def test_bias() -> None:
    for shape in SHAPES:
        x, bias = numbers(*shape), numbers(shape[-1])
        with surrounded(shape) as out:
            nf.bias_act(x, bias, "gelu", out=out)
            np.testing.assert_array_equal(out, nf.bias_act(x, bias, "gelu"))
        with surrounded(shape) as out:
            nf.bias_act_backward(x, x, bias, "gelu", out=out)
            np.testing.assert_array_equal(out, nf.bias_act_backward(x, x, bias, "gelu")[0])


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.label)
def test_losses(row: Loss) -> None:
    random = np.random.default_rng(18)
    for shape in SHAPES:
        n = int(np.prod(shape))
        pred, target = (draw(random, n).astype(np.float32).reshape(shape) for draw in (row.predictions, row.targets))
        operands = {name: draw(random, n).astype(np.float32).reshape(shape) for name, draw in row.operands.items()}
        with surrounded(shape) as out:
            row.function.grad(pred, target, **operands, out=out)
            np.testing.assert_array_equal(out, row.function.grad(pred, target, **operands))


def test_losses_of_labels() -> None:
    for shape in SHAPES[1:]:
        logits, labels = numbers(*shape), np.random.default_rng(19).integers(shape[-1], size=shape[:-1])
        for loss in (nf.softmax_cross_entropy, nf.nll_loss):
            with surrounded(shape) as out:
                loss.grad(logits, labels, out=out)
                np.testing.assert_array_equal(out, loss.grad(logits, labels))
