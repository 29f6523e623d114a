"""Each kind of loop on more elements than 31 bits count: `pytest -m large`, with 12 GiB of memory to spare.

Written in place in a half type, or read through views that repeat a few elements.
"""

import numpy as np
import pytest

import npfuse as nf

pytestmark = pytest.mark.large

ROW = 1024
ROWS = 2**31 // ROW + 3
WHERE = np.unique(
    [*np.random.default_rng(0).integers(0, ROWS, 500), 0, 1, ROWS // 2, ROWS - 4, ROWS - 3, ROWS - 2, -1 % ROWS]
)
PATTERN = np.random.default_rng(1).normal(size=ROW).astype(np.float16)


@pytest.fixture
def memory():
    """More than 2^31 numbers, all rows alike."""
    array = np.empty((ROWS, ROW), np.float16)
    array[...] = PATTERN
    return array


def repeated(row, rows=ROWS):
    return np.broadcast_to(row, (rows, row.size))


def assert_rows(array, expected):
    np.testing.assert_array_equal(array[WHERE], np.broadcast_to(expected, (WHERE.size, expected.size)))


def test_elementwise(memory):
    flat = memory.reshape(-1)
    expected = nf.gelu(PATTERN)
    nf.gelu(flat, out=flat)
    assert_rows(memory, expected)


def test_elementwise_with_parameter_and_mask(memory):
    flat, mask = memory.reshape(-1), np.broadcast_to(np.True_, memory.size)
    nf.leaky_relu_backward(flat, flat, 0.25, out=flat, where=mask)
    assert_rows(memory, nf.leaky_relu_backward(PATTERN, PATTERN, 0.25))


def test_bias(memory):
    nf.bias_act(memory, PATTERN, "relu", out=memory)
    assert_rows(memory, nf.bias_act(PATTERN[None], PATTERN, "relu")[0])


def test_bias_backward(memory):
    once = nf.bias_act_backward(PATTERN[None], PATTERN[None], PATTERN, "relu")
    with np.errstate(over="ignore"):
        _, dbias = nf.bias_act_backward(memory, repeated(PATTERN), PATTERN, "relu", out=memory)
        assert_rows(memory, once[0][0])
        expected = once[0][0].astype(np.float64) * ROWS
        np.testing.assert_allclose(dbias, expected.astype(np.float16), rtol=2**-10)


def test_parameter_backward(memory):
    with np.errstate(over="ignore"):
        dx, dslope = nf.prelu_backward(memory, repeated(PATTERN), np.float16(0.5))
    assert_rows(dx, nf.prelu_backward(PATTERN, PATTERN, np.float16(0.5))[0])
    assert dslope == np.inf


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows(memory, name):
    getattr(nf, name)(memory, out=memory)
    assert_rows(memory, getattr(nf, name)(PATTERN))


def test_columns(memory):
    nf.softmax(memory, axis=0, out=memory)
    assert_rows(memory, np.full(ROW, 1 / ROWS).astype(np.float16))


def test_one_row(memory):
    total = nf.logsumexp(memory.reshape(-1))
    expected = np.log(np.exp(PATTERN.astype(np.float64)).sum()) + np.log(ROWS)
    assert total == np.float16(expected)


def test_maxout():
    values, index = nf.maxout(repeated(PATTERN), ROW, return_index=True)
    assert (values == PATTERN.max()).all()
    assert (index == PATTERN.argmax()).all()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_loss_value(reduction):
    value = nf.mse_loss(repeated(PATTERN), np.float32(0), reduction=reduction)
    expected = np.square(PATTERN.astype(np.float64)).sum() * (ROWS if reduction == "sum" else 1 / ROW)
    assert value == pytest.approx(expected, rel=1e-6)


def test_loss_gradient(memory):
    nf.huber_loss.grad(memory, np.float16(0.5), reduction="sum", out=memory)
    assert_rows(memory, nf.huber_loss.grad(PATTERN, np.float16(0.5), reduction="sum"))


def test_row_loss(memory):
    labels = np.full(ROWS, 7)
    once = nf.softmax_cross_entropy.value_and_grad(PATTERN[None], labels[:1], reduction="sum")
    value, gradient = nf.softmax_cross_entropy.value_and_grad(memory, labels, reduction="sum", out=memory)
    assert value == pytest.approx(once[0] * ROWS, rel=1e-6)
    assert_rows(gradient, once[1][0])


def test_norm():
    norm = np.sqrt(np.square(PATTERN.astype(np.float64)).sum() * ROWS)
    assert nf.global_norm([repeated(PATTERN)]) == pytest.approx(norm, rel=1e-10)


def test_optimizer_step(memory):
    alone = PATTERN.copy()
    nf.SGD([alone], lr=0.5).step([PATTERN[::-1]])
    nf.SGD([memory], lr=0.5).step([repeated(PATTERN[::-1])])
    assert_rows(memory, alone)


def test_optimizer_rows(memory):
    rows = np.array([0, ROWS - 1, 2**31 // ROW])
    nf.SGD([memory], lr=0.5).step_rows(0, rows, np.stack([PATTERN] * 3))
    alone = PATTERN.copy()
    nf.SGD([alone], lr=0.5).step([PATTERN])
    assert (memory[rows] == alone).all()
    assert (memory[rows - 1] == PATTERN)[1:].all()
