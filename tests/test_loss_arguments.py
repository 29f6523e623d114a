"""Losses of unusual arguments: masks, labels beyond the range, no classes, odd outputs, the caller's rounding mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import npfuse as nf
from floating_point import CONTROL_BITS, control_bits

ROW_LOSSES = [nf.softmax_cross_entropy, nf.nll_loss]
LOSSES = [getattr(nf, name) for name in nf.losses.__all__]
ELEMENTWISE = [loss for loss in LOSSES if loss not in ROW_LOSSES]


@pytest.fixture(autouse=True)
def _thread_count_restored() -> Iterator[None]:
    found = nf.get_num_threads()
    yield
    nf.set_num_threads(found)


def arguments(loss: Any, shape: tuple[int, int] = (6, 5), dtype: str = "f4") -> tuple[dict[str, Any], str]:
    """Return arguments by name, and the name of the prediction."""
    rng = np.random.default_rng(0)
    if loss in ROW_LOSSES:
        name = "log_probs" if loss is nf.nll_loss else "logits"
        target = rng.integers(0, shape[1], shape[0])
        weight = rng.uniform(0.1, 1, shape[1]).astype(dtype)
        return {name: rng.normal(size=shape).astype(dtype), "target": target, "weight": weight}, name
    pred, target, weight = (rng.uniform(0.1, 0.9, shape).astype(dtype) for _ in range(3))
    return {"pred": pred, "target": target, "weight": weight}, "pred"


def call(function: Any, given: dict[str, Any], **options: Any) -> Any:
    pred, target, *rest = given.items()
    return function(pred[1], target[1], **dict(rest), **options)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_masked_arrays_are_refused_wherever_they_are(loss: Any) -> None:
    given, _ = arguments(loss)
    for name, value in given.items():
        masked = {**given, name: np.ma.array(value, mask=np.arange(value.size).reshape(value.shape) == 1)}
        for function in (loss, loss.grad, loss.value_and_grad):
            with pytest.raises(TypeError, match=f"{name} must be an array without a mask"):
                call(function, masked)
    out = np.ma.zeros((6, 5), "f4")
    with pytest.raises(TypeError, match="out must be an array without a mask"):
        call(loss.grad, given, out=out)
    assert (out.data == 0).all()


@pytest.mark.parametrize("loss", ROW_LOSSES, ids=repr)
@pytest.mark.parametrize("label", [2**64 - 100, 2**63, 2**64 - 1])
def test_labels_beyond_int64_are_refused(loss: Any, label: int) -> None:
    labels = np.array([0, label], np.uint64)
    with pytest.raises(ValueError, match=rf"target\[1\] must be from 0 to 2 or ignore_index .*, got {label}"):
        loss(np.zeros((2, 3)), labels)
    assert np.isfinite(loss(np.zeros((2, 3)), np.array([0, 2], np.uint64)))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">i8"])
def test_labels_of_any_integer_type_are_the_same(dtype: str) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3))
    expected = nf.softmax_cross_entropy(logits, [0, 2, 1, 2])
    assert nf.softmax_cross_entropy(logits, np.array([0, 2, 1, 2], dtype)) == expected


@pytest.mark.parametrize("loss", ROW_LOSSES, ids=repr)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_rows_without_classes_have_the_value_0(loss: Any, dtype: str) -> None:
    x = np.zeros((1000, 0), dtype)
    ignored = np.full(1000, -100)
    for _ in range(3):  # memory that held something else
        np.full(1000, 7.0, dtype)
        assert (loss(x, ignored, reduction="none") == 0).all()
    assert loss(x, ignored) == 0
    value, grad = loss.value_and_grad(x, ignored, reduction="sum")
    assert value == 0
    assert grad.shape == (1000, 0)
    with pytest.raises(ValueError, match=r"target\[0\] must be ignore_index \(-100\), got 0"):
        loss(x, np.zeros(1000, int))


def test_probabilities_of_no_classes_have_the_value_0() -> None:
    x = np.zeros((10, 0))
    assert (nf.softmax_cross_entropy(x, x, reduction="none") == 0).all()
    assert nf.softmax_cross_entropy(x, x) == 0
    assert nf.softmax_cross_entropy(x, x, weight=np.zeros(0)) == 0


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=repr)
def test_empty_arrays_are_worth_0(loss: Any) -> None:
    for pred, target in [((9, 0), (0,)), ((0,), ()), ((0, 3), (1, 3)), ((0,), (0,))]:
        value, grad = loss.value_and_grad(np.zeros(pred, "f"), np.zeros(target, "f"), weight=np.ones(target, "f"))
        assert value == 0
        assert grad.shape == pred


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_any_layout_of_out_takes_the_gradient(loss: Any) -> None:
    given, _ = arguments(loss)
    expected = call(loss.grad, given)
    memory = np.zeros(6 * 5 * 4 + 1, np.uint8)
    unaligned = memory[1:].view("f4").reshape(6, 5)
    swapped = np.zeros((6, 5), ">f4")
    itself = np.lib.stride_tricks.as_strided(np.zeros(12, "f4"), (6, 5), (4, 4))
    for out in (unaligned, swapped, np.zeros((5, 6), "f4").T, np.zeros((6, 10), "f4")[:, ::-2]):
        assert call(loss.grad, given, out=out) is out
        np.testing.assert_array_equal(out, expected)
    call(loss.grad, given, out=itself)  # one of the numbers that share an element
    assert itself[5, 4] == expected[5, 4]


@pytest.mark.skipif(not CONTROL_BITS, reason="knows only how glibc stores the environment")
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_users_rounding_mode_changes_no_loss(loss: Any) -> None:
    nf.set_num_threads(2)
    for shape in [(6, 5), (700, 103)]:
        for dtype in ("f2", "f4", "f8"):
            given, name = arguments(loss, shape, dtype)
            given[name][0, :3] = 1e-6, 3e-7, 1e-5
            for reduction in ("mean", "sum", "none"):
                expected = call(loss.value_and_grad, given, reduction=reduction)
                for setting, bits in CONTROL_BITS.items():
                    with control_bits(bits):
                        found = call(loss.value_and_grad, given, reduction=reduction)
                    for a, b in zip(expected, found, strict=True):
                        assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), (setting, shape, dtype, reduction)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("rows", [1, 3, 16, 17])
def test_few_long_rows_have_the_bits_of_one_thread(rows: int, dtype: str, axis: int) -> None:
    logits = np.random.default_rng(0).normal(scale=4, size=(rows, 20_011)).astype(dtype)
    labels = np.arange(rows) * 1009
    if axis == 0:
        logits = np.ascontiguousarray(logits.T)
    found = {}
    for threads in (1, 2, 4):
        nf.set_num_threads(threads)
        loss, grad = nf.softmax_cross_entropy.value_and_grad(logits, labels, axis=axis)
        rest = [nf.softmax(logits, axis=axis), nf.log_softmax(logits, axis=axis), nf.logsumexp(logits, axis=axis)]
        found[threads] = [np.asarray(part).tobytes() for part in (loss, grad, *rest)]
    assert found[1] == found[2] == found[4]
