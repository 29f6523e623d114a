"""Losses on a GPU have the CPU's bits: value, values and gradient, of every length and storage."""

import ml_dtypes
import numpy as np
import pytest

import npfuse as nf
from gpu import DTYPES, Device, Foreign, assert_same_bits
from npfuse import cuda
from table import Loss
from test_losses import each_choice, each_loss, sample

LENGTHS = [1, 31, 32, 1000, 1025, 32768, 70_001]


def on_gpu(operands: dict) -> dict:
    return {name: cuda.asarray(array) for name, array in operands.items()}


def assert_same_value(actual: cuda.Array, expected: float) -> None:
    assert_same_bits(actual.get(), np.asarray(expected))


@each_choice
def test_losses_have_the_cpus_bits(device: Device, row: Loss, parameters: dict) -> None:
    for dtype in DTYPES:
        pred, target, operands = sample(row, 33_001, dtype)
        arrays = cuda.asarray(pred), cuda.asarray(target)
        loss, on_cpu = getattr(cuda, row.name), getattr(nf, row.name)
        value, grad = loss.value_and_grad(*arrays, **on_gpu(operands), **parameters)
        expected_value, expected_grad = on_cpu.value_and_grad(pred, target, **operands, **parameters)
        assert_same_value(value, expected_value)
        assert_same_bits(grad.get(), expected_grad)
        values = loss(*arrays, **on_gpu(operands), **parameters, reduction="none")
        assert_same_bits(values.get(), on_cpu(pred, target, **operands, **parameters, reduction="none"))


@pytest.mark.parametrize("n", LENGTHS)
@each_loss
def test_every_length(device: Device, row: Loss, n: int) -> None:
    pred, target, operands = sample(row, n, np.float64)
    loss, on_cpu = getattr(cuda, row.name), getattr(nf, row.name)
    arrays = cuda.asarray(pred), cuda.asarray(target)
    assert_same_value(
        loss(*arrays, **on_gpu(operands), reduction="sum"), on_cpu(pred, target, **operands, reduction="sum")
    )
    assert_same_bits(loss.grad(*arrays, **on_gpu(operands)).get(), on_cpu.grad(pred, target, **operands))


def test_the_elements_beside_whole_chunks(device: Device) -> None:
    """In float64 a product is rounded before it is added there, as on the CPU; numbers of one size let it show."""
    pred, target = np.random.default_rng(1).normal(size=(2, 96))
    for n in range(33, 96):
        arrays = cuda.asarray(pred[:n]), cuda.asarray(target[:n])
        assert_same_value(cuda.mse_loss(*arrays, reduction="sum"), nf.mse_loss(pred[:n], target[:n], reduction="sum"))


@each_loss
def test_weights_and_broadcasting(device: Device, row: Loss) -> None:
    pred, target, operands = sample(row, 600, np.float32)
    pred, target, weight = pred.reshape(20, 30), target[:30], np.linspace(0, 2, 20, dtype=np.float32)[:, None]
    operands = {name: array[:30] for name, array in operands.items()}
    actual = getattr(cuda, row.name).value_and_grad(
        cuda.asarray(pred), cuda.asarray(target), **on_gpu(operands), weight=cuda.asarray(weight)
    )
    expected = getattr(nf, row.name).value_and_grad(pred, target, **operands, weight=weight)
    assert_same_value(actual[0], expected[0])
    assert_same_bits(actual[1].get(), expected[1])


def test_layouts_and_out(device: Device) -> None:
    pred, target = np.random.default_rng(0).normal(size=(2, 40, 30)).astype(np.float32)
    arrays = cuda.asarray(pred), cuda.asarray(target)
    views = Foreign(arrays[0], pred, pred[::2].T), Foreign(arrays[1], target, target[::2].T)
    assert_same_value(cuda.mse_loss(*views), nf.mse_loss(pred[::2].T, target[::2].T))
    assert cuda.mse_loss.grad(*arrays, out=arrays[0]) is arrays[0]
    assert_same_bits(arrays[0].get(), nf.mse_loss.grad(pred, target))


def test_of_nothing(device: Device) -> None:
    nothing = cuda.asarray(np.zeros(0, np.float32))
    assert float(cuda.mse_loss(nothing, nothing)) == 0


OPTIONS = [
    {},
    {"reduction": "sum"},
    {"label_smoothing": 0.1},
    {"z_loss": 1e-2},
    {"label_smoothing": 0.3, "z_loss": 1e-3, "reduction": "sum"},
]


def scores(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    return (np.random.default_rng(3).normal(size=shape) * 8).astype(dtype)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [1, 7, 33, 1000, 1500])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_labels(device: Device, dtype: type, options: dict, classes: int, weighted: bool) -> None:
    logits = scores((45, classes), dtype)
    labels = np.random.default_rng(4).integers(0, classes, size=45)
    labels[::7] = -100
    weight = {"weight": np.linspace(0.5, 2, classes)} if weighted else {}
    arrays = cuda.asarray(logits), cuda.asarray(labels)
    value, grad = cuda.softmax_cross_entropy.value_and_grad(*arrays, **options, **weight)
    expected_value, expected_grad = nf.softmax_cross_entropy.value_and_grad(logits, labels, **options, **weight)
    assert_same_value(value, expected_value)
    assert_same_bits(grad.get(), expected_grad)
    values = cuda.softmax_cross_entropy(*arrays, **{**options, "reduction": "none"}, **weight)
    expected = nf.softmax_cross_entropy(logits, labels, **{**options, "reduction": "none"}, **weight)
    assert_same_bits(values.get(), expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_probabilities(device: Device, dtype: type, smoothing: float, weighted: bool) -> None:
    logits = scores((45, 40), dtype)
    probabilities = np.asarray(nf.softmax(scores((40, 45), dtype).T.copy()))
    options = {"label_smoothing": smoothing}
    if weighted:
        options["weight"] = np.linspace(0.5, 2, 40)
    arrays = cuda.asarray(logits), cuda.asarray(probabilities)
    for reduction in ("mean", "sum"):
        value, grad = cuda.softmax_cross_entropy.value_and_grad(*arrays, **options, reduction=reduction)
        expected = nf.softmax_cross_entropy.value_and_grad(logits, probabilities, **options, reduction=reduction)
        assert_same_value(value, expected[0])
        assert_same_bits(grad.get(), expected[1])


@pytest.mark.parametrize("shape", [(2000, 3), (300, 130), (5, 3000)])
def test_many_weighted_probabilities(device: Device, shape: tuple[int, int]) -> None:
    """Of several blocks of rows, and of rows for a warp and for a block."""
    logits, weight = scores(shape, np.float32), np.random.default_rng(8).random(shape[1])
    probabilities = np.asarray(nf.softmax(scores(shape, np.float32)[::-1].copy()))
    expected = nf.softmax_cross_entropy(logits, probabilities, weight=weight)
    arrays = cuda.asarray(logits), cuda.asarray(probabilities)
    assert_same_value(cuda.softmax_cross_entropy(*arrays, weight=weight), expected)


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "nll_loss"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_any_axis(device: Device, axis: int, loss: str) -> None:
    pred = nf.log_softmax(scores((5, 6, 7), np.float32), axis=axis)
    labels = np.random.default_rng(5).integers(0, 5, size=np.delete(pred.shape, axis)).astype(np.int32)
    value, grad = getattr(cuda, loss).value_and_grad(cuda.asarray(pred), cuda.asarray(labels), axis=axis)
    expected_value, expected_grad = getattr(nf, loss).value_and_grad(pred, labels, axis=axis)
    assert_same_value(value, expected_value)
    assert_same_bits(grad.get(), expected_grad)


def test_labels_may_lie_where_the_gradient_goes(device: Device) -> None:
    pred, memory = np.random.default_rng(0).normal(size=(400, 40)), np.zeros(400 * 40, np.int64)
    memory[:400] = np.arange(400) % 40
    on_gpu = cuda.asarray(memory)
    out = Foreign(on_gpu, memory, memory.view(np.float64).reshape(400, 40))
    cuda.softmax_cross_entropy.grad(cuda.asarray(pred), Foreign(on_gpu, memory, memory[:400]), out=out)
    expected = nf.softmax_cross_entropy.grad(pred, memory[:400])
    assert_same_bits(on_gpu.get().view(np.float64).reshape(400, 40), expected)


def test_many_rows(device: Device) -> None:
    """More than a block of rows, and more than are counted at once."""
    logits, labels = scores((20_000, 3), np.float32), np.random.default_rng(6).integers(0, 3, size=20_000)
    assert_same_value(
        cuda.softmax_cross_entropy(cuda.asarray(logits), cuda.asarray(labels)), nf.softmax_cross_entropy(logits, labels)
    )


def test_masked_and_infinite_logits(device: Device) -> None:
    logits = scores((6, 50), np.float32)
    logits[0, :49], logits[1, 3], logits[2] = -np.inf, np.inf, -np.inf
    labels = np.array([49, 3, 0, 1, 2, 5])
    arrays = cuda.asarray(logits), cuda.asarray(labels)
    expected = nf.softmax_cross_entropy(logits, labels, reduction="none")
    assert_same_bits(cuda.softmax_cross_entropy(*arrays, reduction="none").get(), expected)
    assert_same_bits(cuda.softmax_cross_entropy.grad(*arrays).get(), nf.softmax_cross_entropy.grad(logits, labels))


BAD_CALLS = [
    (lambda x, labels: cuda.softmax_cross_entropy(x, labels), ValueError, r"target\[1\] is 9; labels must be from 0"),
    (lambda x, labels: cuda.softmax_cross_entropy(x, x, weight=[1, 2]), ValueError, "weight must be of shape"),
    (lambda x, labels: cuda.nll_loss(x, x), TypeError, "labels must be integers"),
    (lambda x, labels: cuda.softmax_cross_entropy(x, labels, axis=5), ValueError, "axis"),
    (lambda x, labels: cuda.mse_loss(x, x, delta=1), TypeError, "no argument 'delta'"),
    (lambda x, labels: cuda.huber_loss(x, x, delta=-1), ValueError, "delta must be greater than 0, got -1.0"),
    (lambda x, labels: cuda.mse_loss(x, x, reduction="all"), ValueError, "reduction must be .*, got .all."),
    (lambda x, labels: cuda.mse_loss(x, labels), TypeError, "target must be of float16"),
    (lambda x, labels: cuda.mse_loss(x, np.zeros((4, 3))), TypeError, "target is in the CPU's memory"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS, ids=[message for *_, message in BAD_CALLS])
def test_bad_arguments_are_named(device: Device, call, error, message) -> None:
    x, labels = cuda.asarray(np.ones((4, 3), np.float32)), cuda.asarray(np.array([0, 9, 1, 2]))
    with pytest.raises(error, match=message):
        call(x, labels)


def test_bfloat16_stays_what_it_is(device: Device) -> None:
    x = cuda.asarray(np.ones(3, ml_dtypes.bfloat16))
    assert cuda.mse_loss.grad(x, x).dtype == ml_dtypes.bfloat16


def test_the_weights_of_many_labels_have_the_cpus_sum(device: Device) -> None:
    random = np.random.default_rng(9)
    logits, weight = random.normal(size=(9000, 3)), random.random(3)
    labels = random.integers(0, 3, size=9000)
    labels[::7] = -100
    mean = cuda.softmax_cross_entropy(cuda.asarray(logits), cuda.asarray(labels), weight=weight)
    assert float(mean) == nf.softmax_cross_entropy(logits, labels, weight=weight)
