"""Losses: values and gradients against exact ones, sums of every order of magnitude, every kind of array, bad input."""

from __future__ import annotations

import doctest
import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import mpmath
import numpy as np
import pytest
from mpmath import mpf

import npfuse as nf
from exact import evaluate, unit_in_last_place
from npfuse import _native, reference
from table import LOSSES, Loss
from table.losses import moderate, reals

SEED = 5
UNIT = 2.0**-24
HALF_TYPES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
FLOATS = [*HALF_TYPES, np.dtype(np.float32), np.dtype(np.float64)]
INTEGERS = [np.dtype(code) for code in "bBhHiIlLqQ"]
NAMES = [entry[0] for entry in _native._losses]
WITHOUT_FMA = {"x86-64-v2"}

each_loss = pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.label)
each_choice = pytest.mark.parametrize(
    ("row", "parameters"),
    [(row, parameters) for row in LOSSES for parameters in row.parameters],
    ids=lambda part: part.label if isinstance(part, Loss) else "-".join(map(str, part.values())),
)
each_float = pytest.mark.parametrize("dtype", FLOATS, ids=str)


def sample(row: Loss, n: int, dtype=np.float32) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return a prediction, a target and the operands of a loss."""
    random = np.random.default_rng(SEED)
    with np.errstate(over="ignore"):
        pred, target = (draw(random, n).astype(dtype) for draw in (row.predictions, row.targets))
    if row.predictions is row.targets:
        target[: n // 50] = pred[: n // 50]
    return pred, target, {name: draw(random, n).astype(dtype) for name, draw in row.operands.items()}


def bits(array) -> np.ndarray:
    array = np.asarray(array)
    return array.view(f"u{array.itemsize}")


def errors(results, formula, terms, columns, arguments) -> np.ndarray:
    """Return errors in ULP of the truth; where a truth is a difference of terms, of half an eps of their magnitude."""
    points = list(zip(*(column.tolist() for column in columns), strict=True))
    truths = [evaluate(lambda *point: formula(*point, *arguments), *point) for point in points]
    nearest = np.array([float(truth) for truth in truths])
    remainder = np.array([float(truth - mpf(near)) for truth, near in zip(truths, nearest.tolist(), strict=True)])
    step = unit_in_last_place(nearest, results.dtype.type)
    if terms:
        magnitude = np.array([float(evaluate(lambda *point: terms(*point, *arguments), *point)) for point in points])
        step = np.maximum(step, np.finfo(results.dtype).eps / 2 * magnitude)
    with np.errstate(over="ignore"):
        rounded = nearest.astype(results.dtype)
    error = np.abs((results.astype(np.float64) - np.where(np.isinf(rounded), 0, nearest)) - remainder) / step
    return np.where(results == rounded, np.minimum(error, 0.5), np.where(np.isfinite(results), error, np.inf))


# --------------------------------------------------------------------------------------------------- Accuracy


@each_choice
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients_are_close_to_the_exact_ones(row: Loss, parameters: dict, dtype: type) -> None:
    pred, target, operands = sample(row, 200, dtype)
    columns, arguments = [pred, target, *operands.values()], list(parameters.values())
    values, gradient = row.function.value_and_grad(pred, target, **operands, **parameters, reduction="none")
    assert errors(values, row.formula, row.value_terms, columns, arguments).max() <= row.value_ulp
    assert errors(gradient, row.derivative, row.slope_terms, columns, arguments).max() <= row.slope_ulp


@each_choice
@pytest.mark.parametrize("weighted", [False, True])
def test_averaged_gradients_are_close_to_the_exact_ones(row: Loss, parameters: dict, weighted: bool) -> None:
    pred, target, operands = sample(row, 400)
    weight = np.random.default_rng(SEED).exponential(size=pred.size).astype(np.float32)
    weight = weight if weighted else np.ones_like(weight)
    columns = [pred, target, *operands.values(), weight]

    def averaged(formula):
        def weigh(*point):
            *operands, weight = point[: len(columns)]
            return formula(*operands, *point[len(columns) :]) * weight / pred.size

        return formula and weigh

    gradient = row.function.grad(pred, target, **operands, **parameters, weight=weight if weighted else None)
    derivative, terms = averaged(row.derivative), averaged(row.slope_terms)
    bound = row.slope_ulp + weighted / 2
    assert errors(gradient, derivative, terms, columns, list(parameters.values())).max() <= bound


@each_choice
def test_the_derivative_in_the_table_is_one(row: Loss, parameters: dict) -> None:
    pred, target, operands = sample(row, 40)
    with mpmath.workprec(200):
        for point in zip(pred.tolist(), target.tolist(), *(o.tolist() for o in operands.values()), strict=True):
            rest = (*map(mpf, point[1:]), *parameters.values())
            step = mpf(2) ** -60 * max(abs(mpf(point[0])), mpf(2) ** -60)
            low, high = (row.formula(mpf(point[0]) + sign * step, *rest) for sign in (-1, 1))
            left, right = (row.derivative(mpf(point[0]) + sign * step, *rest) for sign in (-1, 1))
            slope = (high - low) / (2 * step)
            margin = abs(left) / 2**20 + abs(right) / 2**20 + mpf(2) ** -40
            assert min(left, right) - margin <= slope <= max(left, right) + margin


def of_differences(row: Loss) -> bool:
    """Tell whether predictions and targets of any magnitude make sense."""
    return row.predictions is row.targets and row.predictions in (reals, moderate) and not row.operands


@pytest.mark.parametrize(
    ("row", "magnitude"),
    [(row, magnitude) for row in LOSSES for magnitude in ([1e-12, 1.0, 1e12] if of_differences(row) else [1.0])],
    ids=lambda value: f"{getattr(value, 'label', value)}",
)
def test_sums_are_exact_in_every_order_of_magnitude(row: Loss, magnitude: float) -> None:
    pred, target, operands = sample(row, 300_000)
    pred, target = pred * np.float32(magnitude), target * np.float32(magnitude)
    exact_operands = {name: operand.astype(np.float64) for name, operand in operands.items()}
    with np.errstate(over="ignore", divide="ignore"):  # 1 / exp(x) is 0 then, and the logarithm of 0 is clamped
        terms = getattr(reference, row.name)(
            pred.astype(np.float64), target.astype(np.float64), **exact_operands, reduction="none"
        )
    exact = math.fsum(terms.tolist())
    scale = math.fsum(np.abs(terms).tolist())
    assert abs(row.function(pred, target, **operands, reduction="sum") - exact) <= 2 * UNIT * scale
    assert abs(row.function(pred, target, **operands) * pred.size - exact) <= 2 * UNIT * scale


def test_the_largest_and_smallest_residuals_have_squares() -> None:
    for magnitude in (np.float32(3e38), np.float32(1e-45)):
        exact = float(magnitude) ** 2
        assert nf.mse_loss(magnitude, np.float32(0)) == exact
    assert nf.huber_loss(np.float32(1e-30), np.float32(0)) == pytest.approx(0.5e-60)


def test_binary_cross_entropy_of_a_sigmoid_is_sigmoid_cross_entropy() -> None:
    x = np.linspace(-80, 10, 1001)
    for target in (0.0, 0.3, 1.0):
        probability = nf.sigmoid(x)
        carried = np.spacing(probability) / np.minimum(probability, 1 - probability)
        one, other = (
            loss(y, np.float64(target), reduction="none")
            for loss, y in ((nf.binary_cross_entropy, probability), (nf.sigmoid_cross_entropy, x))
        )
        np.testing.assert_array_less(np.abs(one - other), 1e-15 * np.abs(other) + 2 * carried)


# ----------------------------------------------------------------------------------------------- What a loss is


def test_every_loss_has_a_row() -> None:
    assert set(NAMES) == {row.name for row in LOSSES} | {"softmax_cross_entropy", "nll_loss"}


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_an_object_that_explains_itself(name: str) -> None:
    loss = getattr(nf, name)
    assert repr(loss) == f"npfuse.{name}"
    assert pickle.loads(pickle.dumps(loss)) is loss
    for section in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in loss.__doc__
    examples = doctest.DocTestParser().get_doctest(loss.__doc__, {}, name, None, 0)
    assert examples.examples
    failures = doctest.DocTestRunner(verbose=False).run(examples).failed
    assert not failures


@each_loss
def test_reductions_and_methods_agree(row: Loss) -> None:
    pred, target, operands = sample(row, 5000, np.float64)
    values = row.function(pred, target, **operands, reduction="none")
    total = row.function(pred, target, **operands, reduction="sum")
    assert type(total) is float
    assert total == pytest.approx(math.fsum(values), rel=1e-13)
    for reduction, divisor in (("none", 1), ("sum", 1), ("mean", pred.size)):
        value, gradient = row.function.value_and_grad(pred, target, **operands, reduction=reduction)
        np.testing.assert_array_equal(value, row.function(pred, target, **operands, reduction=reduction))
        np.testing.assert_array_equal(gradient, row.function.grad(pred, target, **operands, reduction=reduction))
        slopes = row.function.grad(pred, target, **operands, reduction="sum")
        np.testing.assert_allclose(gradient, slopes / divisor, rtol=1e-15)


@each_loss
def test_weights_multiply_and_broadcast(row: Loss) -> None:
    pred, target, operands = (np.reshape(x, (60, 50)) if not isinstance(x, dict) else x for x in sample(row, 3000))
    operands = {name: value.reshape(60, 50) for name, value in operands.items()}
    weight = np.linspace(0, 2, 50).astype(np.float32)
    plain, slopes = row.function.value_and_grad(pred, target, **operands, reduction="none")
    values, gradient = row.function.value_and_grad(pred, target, **operands, weight=weight, reduction="none")
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(values, plain * weight, rtol=1e-6, atol=1e-44)
        np.testing.assert_allclose(gradient, slopes * weight, rtol=1e-6, atol=1e-44)
    total = row.function(pred, target, **operands, weight=weight, reduction="sum")
    assert total == pytest.approx(math.fsum((plain.astype(float) * weight).ravel()), rel=1e-6)
    assert row.function(pred, target, **operands, weight=weight) == pytest.approx(total / pred.size)


@each_loss
def test_targets_broadcast(row: Loss) -> None:
    pred, target, operands = sample(row, 600)
    pred = pred.reshape(20, 30)
    operands = {name: value[:30] for name, value in operands.items()}
    for narrow in (target[:30], target[:20, None], target[0], float(target[0])):
        wide = np.broadcast_to(narrow, pred.shape).astype(np.float32)
        for ours, expected in zip(
            row.function.value_and_grad(pred, narrow, **operands),
            row.function.value_and_grad(pred, wide.copy(), **operands),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, expected)


# ------------------------------------------------------------------------------------------------------- Arrays


@each_loss
@each_float
def test_storage_types(row: Loss, dtype: np.dtype) -> None:
    """Half types are float32 outside the arithmetic: the same value, the gradient rounded once more."""
    pred, target, operands = sample(row, 999, dtype)
    value, gradient = row.function.value_and_grad(pred, target, **operands)
    assert gradient.dtype == dtype
    assert row.function(pred, target, **operands, reduction="none").dtype == dtype
    if dtype in HALF_TYPES:
        wide = {name: operand.astype(np.float32) for name, operand in operands.items()}
        expected = row.function.value_and_grad(pred.astype(np.float32), target.astype(np.float32), **wide)
        np.testing.assert_equal(value, expected[0])
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(gradient, expected[1].astype(dtype))


@pytest.mark.parametrize("dtype", [*INTEGERS, np.dtype(bool)], ids=str)
def test_integer_targets_and_predictions(dtype: np.dtype) -> None:
    target = np.array([0, 1, 1, 0]).astype(dtype)
    pred = np.array([0.5, -1, 3, 2], np.float32)
    expected = nf.sigmoid_cross_entropy.value_and_grad(pred, target.astype(np.float32))
    for ours, theirs in zip(nf.sigmoid_cross_entropy.value_and_grad(pred, target), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert nf.mse_loss.grad(target, 0.0).dtype == np.exp(target).dtype


@each_loss
def test_layouts_change_no_bit(row: Loss) -> None:
    """Strides, transposes, byte order and alignment are the caller's business; elements count in C order."""
    pred, target, operands = sample(row, 12_000)
    expected = row.function.value_and_grad(pred, target, **operands)
    reversed_views = [np.repeat(x[::-1], 3)[::-3] for x in (pred, target)]
    swapped = [x.astype(x.dtype.newbyteorder()) for x in (pred, target)]
    unaligned = [np.frombuffer(b"!" + x.tobytes(), np.uint8)[1:].view(x.dtype) for x in (pred, target)]
    for views in (reversed_views, swapped, unaligned):
        value, gradient = row.function.value_and_grad(*views, **operands)
        assert value == expected[0]
        np.testing.assert_array_equal(bits(gradient), bits(expected[1]))
    shape = (30, 20, 20)
    fortran = [np.asfortranarray(x.reshape(shape)) for x in (pred, target)]
    operands = {name: operand.reshape(shape) for name, operand in operands.items()}
    value, gradient = row.function.value_and_grad(*fortran, **operands)
    assert value == expected[0]
    np.testing.assert_array_equal(gradient.ravel(), expected[1])


@each_loss
def test_every_length_and_offset(row: Loss) -> None:
    pred, target, operands = sample(row, 200)
    slopes = row.function.grad(pred, target, **operands, reduction="sum")
    values = row.function(pred, target, **operands, reduction="none")
    for begin, end in [(0, n) for n in range(70)] + [(k, 130 + k) for k in range(1, 40)]:
        part = slice(begin, end)
        rest = {name: operand[part] for name, operand in operands.items()}
        value, gradient = row.function.value_and_grad(pred[part], target[part], **rest, reduction="none")
        np.testing.assert_array_equal(bits(value), bits(values[part]))
        np.testing.assert_array_equal(bits(gradient), bits(slopes[part]))


@each_loss
def test_out(row: Loss) -> None:
    pred, target, operands = sample(row, 5000)
    expected = row.function.grad(pred, target, **operands)
    for out in (np.empty_like(pred), np.empty((5000, 2), np.float32)[:, 1], pred.copy()):
        source = out if out.flags.owndata and np.array_equal(out, pred) else pred
        assert row.function.grad(source, target, **operands, out=out) is out
        np.testing.assert_array_equal(out, expected)
    wide = np.repeat(pred, 2)
    row.function.value_and_grad(wide[::2], target, **operands, out=wide[::2])
    np.testing.assert_array_equal(wide[::2], expected)
    np.testing.assert_array_equal(wide[1::2], pred)


def test_scalars_and_empty_arrays() -> None:
    value, gradient = nf.mse_loss.value_and_grad(3, 1)
    assert (value, gradient, type(gradient)) == (4.0, 4.0, np.float64)
    out = np.empty((), np.float32)
    assert nf.mse_loss.grad(np.float32(3), 1, out=out) is out
    for shape in ((0,), (3, 0), (0, 4)):
        value, gradient = nf.mse_loss.value_and_grad(np.empty(shape), np.empty(shape))
        assert value == 0
        assert gradient.shape == shape
    value, gradient = nf.softmax_cross_entropy.value_and_grad(np.empty((0, 3)), np.empty(0, int))
    assert (value, gradient.shape) == (0, (0, 3))


@each_loss
def test_nan_and_infinity_come_through_without_a_warning(row: Loss) -> None:
    pred, target, operands = sample(row, 100)
    pred[:3] = [np.nan, np.inf, -np.inf]
    with np.errstate(all="raise"):
        values, gradient = row.function.value_and_grad(pred, target, **operands, reduction="none")
        assert math.isnan(row.function(pred, target, **operands))
    assert np.isnan(values[0])
    assert np.isnan(gradient[0]) or row.name == "kl_div"
    assert np.isfinite(gradient[3:]).all()


# ---------------------------------------------------------------------------------------------- Reproducibility


def fingerprint() -> dict[str, str]:
    """Return the bits of every loss on large arrays."""
    prints = {}
    for row in LOSSES:
        for dtype in (np.float32, np.float64):
            pred, target, operands = sample(row, 150_001, dtype)
            value, gradient = row.function.value_and_grad(pred, target, **operands)
            prints[f"{row.name} {np.dtype(dtype)}"] = f"{value.hex()} {hash(gradient.tobytes())}"
    random = np.random.default_rng(SEED)
    for classes in (3, 50, 210):
        logits = random.normal(scale=5, size=(700, classes)).astype(np.float32)
        for target in (random.integers(0, classes, 700), random.random((700, classes))):
            value, gradient = nf.softmax_cross_entropy.value_and_grad(logits, target, label_smoothing=0.1, z_loss=1e-3)
            prints[f"softmax {classes} {target.dtype}"] = f"{value.hex()} {hash(gradient.tobytes())}"
    return prints


def test_threads_change_no_bit() -> None:
    before = nf.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 7):
            nf.set_num_threads(threads)
            results.append(fingerprint())
    finally:
        nf.set_num_threads(before)
    assert all(result == results[0] for result in results)


def test_instruction_sets_change_no_bit() -> None:
    isas = [isa for isa in _native.config()["available_isas"] if isa not in WITHOUT_FMA]
    if len(isas) < 2:
        pytest.skip("this build has kernels of one instruction set with FMA for this CPU")
    results = []
    for isa in isas:
        environment = {**os.environ, "NPFUSE_ISA": isa, "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-c", "import json, test_losses; print(json.dumps(test_losses.fingerprint()))"]
        output = subprocess.run(command, env=environment, cwd=Path(__file__).parent, check=True, capture_output=True)
        results.append(json.loads(output.stdout))
    assert all(result == results[0] for result in results)


# --------------------------------------------------------------------------------------------------- Row losses

OPTIONS = [
    {},
    {"label_smoothing": 0.1},
    {"z_loss": 1e-2},
    {"weight": True},
    {"weight": True, "label_smoothing": 0.25, "z_loss": 1e-3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_cross_entropy(kind: str, axis: int, options: dict) -> None:
    random = np.random.default_rng(SEED)
    shape = (11, 140, 37)  # rows that are taken side by side, and rows that are not
    logits = (random.normal(size=shape) * random.choice([0.1, 3, 40], size=shape)).astype(np.float32)
    classes = logits.shape[axis]
    rows = np.delete(logits.shape, axis % 3)
    if kind == "labels":
        target = random.integers(0, classes, rows)
        target[:, :5] = -100
    else:
        target = random.dirichlet(np.ones(classes), rows)
        target = np.moveaxis(target, -1, axis)
    options = {**options}
    if "weight" in options:
        options["weight"] = random.random(classes)
    for reduction in ("mean", "sum", "none"):
        first = None
        for layout in (logits, np.asfortranarray(logits), np.repeat(logits, 2, axis=1)[:, ::2]):
            value, gradient = nf.softmax_cross_entropy.value_and_grad(
                layout, target, axis=axis, reduction=reduction, **options
            )
            first = first or (value, gradient)
            np.testing.assert_array_equal(bits(value), bits(first[0]))
            np.testing.assert_array_equal(bits(gradient), bits(first[1]))
            expected = reference.softmax_cross_entropy.value_and_grad(
                logits.astype(np.longdouble), target, axis=axis, reduction=reduction, **options
            )
            assert np.shape(value) == np.shape(expected[0])
            np.testing.assert_allclose(
                np.asarray(value, np.longdouble),
                expected[0],
                rtol=2e-7 if reduction == "none" else 2 * UNIT,
                atol=2e-45,
            )
            exact = np.abs(expected[1])
            allowed = 2 * unit_in_last_place(exact.astype(float), np.float32)
            if options or kind == "probabilities":
                allowed = allowed + 4 * UNIT * exact.max()
            assert np.all(np.abs(gradient - expected[1]) <= allowed)


@each_float
def test_softmax_cross_entropy_storage(dtype: np.dtype) -> None:
    random = np.random.default_rng(SEED)
    logits = (random.normal(size=(50, 70)) * 4).astype(dtype)
    labels = random.integers(0, 70, 50)
    value, gradient = nf.softmax_cross_entropy.value_and_grad(logits, labels)
    assert gradient.dtype == dtype
    wide = np.float64 if dtype == np.float64 else np.float32
    expected = nf.softmax_cross_entropy.value_and_grad(logits.astype(wide), labels)
    assert value == expected[0]
    np.testing.assert_array_equal(gradient, expected[1].astype(dtype))
    assert nf.softmax_cross_entropy(logits, labels, reduction="none").dtype == dtype


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_labels_of_every_integer_type(dtype: np.dtype) -> None:
    logits = np.random.default_rng(SEED).normal(size=(6, 5))
    labels = np.array([0, 4, 2, 3, 1, 1])
    expected = nf.softmax_cross_entropy(logits, labels)
    assert nf.softmax_cross_entropy(logits, labels.astype(dtype)) == expected
    assert nf.softmax_cross_entropy(logits, labels.astype(dtype.newbyteorder())) == expected
    assert nf.softmax_cross_entropy(logits, labels.tolist()) == expected


def test_one_hot_probabilities_are_labels() -> None:
    random = np.random.default_rng(SEED)
    logits = (random.normal(size=(40, 30)) * 50).astype(np.float32)
    labels = random.integers(0, 30, 40)
    weight = random.random(30)
    for options in ({}, {"weight": weight}, {"weight": weight, "label_smoothing": 0.1}):
        one = nf.softmax_cross_entropy.value_and_grad(logits, labels, **options)
        other = nf.softmax_cross_entropy.value_and_grad(logits, np.eye(30)[labels], **options)
        np.testing.assert_allclose(one[0], other[0], rtol=1e-7)
        np.testing.assert_allclose(one[1], other[1], rtol=5e-7, atol=1e-9)


def test_the_weights_of_many_labels_are_summed_exactly() -> None:
    random = np.random.default_rng(SEED)
    logits, weight = random.normal(size=(40_000, 3)), random.random(3)
    labels = random.integers(0, 3, size=40_000)
    summed = nf.softmax_cross_entropy(logits, labels, weight=weight, reduction="sum")
    mean = nf.softmax_cross_entropy(logits, labels, weight=weight)
    assert mean == pytest.approx(summed / math.fsum(weight[labels]), rel=2e-14)


@pytest.mark.parametrize("classes", [0, 1, 10, 128, 129, 2000])
@pytest.mark.parametrize("dtype", FLOATS)
def test_weighted_probabilities_have_one_sum(classes: int, dtype: np.dtype) -> None:
    """What a mean is divided by is exact to rounding, and no layout or number of threads changes a bit of it."""
    random = np.random.default_rng(SEED)
    logits, probabilities = (random.random((150, classes)).astype(dtype) for _ in range(2))
    weight = random.random(classes)
    means = set()
    before = nf.get_num_threads()
    try:
        for threads in (1, 3):
            nf.set_num_threads(threads)
            for target in (
                probabilities,
                np.asfortranarray(probabilities),
                np.repeat(probabilities, 2, axis=1)[:, ::2],
            ):
                means.add(nf.softmax_cross_entropy(logits, target, weight=weight))
    finally:
        nf.set_num_threads(before)
    assert len(means) == 1
    total = math.fsum((probabilities.astype(np.float64) * weight).ravel())
    summed = nf.softmax_cross_entropy(logits, probabilities, weight=weight, reduction="sum")
    assert means.pop() == pytest.approx(summed / total if classes else 0, rel=1e-14)


def test_a_dominating_logit_keeps_its_digits() -> None:
    for gap in (20.0, 60.0, 100.0):
        value, gradient = nf.softmax_cross_entropy.value_and_grad(np.array([[gap, 0.0]], np.float32), [0])
        assert value == pytest.approx(math.exp(-gap), rel=1e-6)
        expected = [-math.exp(-gap), math.exp(-gap)]
        np.testing.assert_allclose(gradient[0], expected, rtol=1e-6, atol=np.finfo(np.float32).smallest_subnormal)


def test_the_largest_logits_overflow_nothing() -> None:
    largest = np.finfo(np.float32).max
    logits = np.array([[largest, -largest, 0], [-largest, -largest, -largest], [largest, largest, largest]])
    with np.errstate(all="raise"):
        values, gradient = nf.softmax_cross_entropy.value_and_grad(
            logits.astype(np.float32), [0, 1, 2], reduction="none"
        )
    np.testing.assert_allclose(values, [0, math.log(3), math.log(3)], rtol=1e-6)
    np.testing.assert_allclose(gradient[0], [0, 0, 0])
    np.testing.assert_allclose(gradient[1], [1 / 3, -2 / 3, 1 / 3], rtol=1e-6)
    total = nf.softmax_cross_entropy(logits[:1].astype(np.float32), [1])
    assert total == 2 * float(largest)


def test_masked_logits_and_nan() -> None:
    logits = np.array([[1.0, -np.inf, 2.0], [1.0, np.nan, 2.0], [np.inf, 0.0, 1.0]])
    values, gradient = nf.softmax_cross_entropy.value_and_grad(logits, [0, 0, 0], reduction="none")
    assert gradient[0, 1] == 0
    assert np.isfinite(gradient[0]).all()
    assert np.isnan(values[1:]).all()
    assert np.isnan(gradient[1:]).all()
    masked = nf.softmax_cross_entropy.value_and_grad(logits[:1], np.array([[0.5, 0.0, 0.5]]))
    assert np.isfinite(masked[0])
    assert np.isfinite(masked[1]).all()


@pytest.mark.parametrize("z_loss", [0, 1e-3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_that_cannot_be_change_no_bit(dtype: type, z_loss: float) -> None:
    """However many classes there are, and whichever loop they take: a sum has one order."""
    random = np.random.default_rng(SEED)
    for classes in (1, 2, 3, 5, 10, 16, 17, 31, 32, 33, 64, 100, 127, 128, 129, 300):
        logits = random.normal(scale=3, size=(37, classes)).astype(dtype)
        labels = random.integers(classes, size=37)
        padded = np.full((37, 400), -np.inf, dtype)
        padded[:, :classes] = logits
        values, gradient = nf.softmax_cross_entropy.value_and_grad(logits, labels, z_loss=z_loss, reduction="none")
        expected = nf.softmax_cross_entropy.value_and_grad(padded, labels, z_loss=z_loss, reduction="none")
        np.testing.assert_array_equal(values, expected[0])
        np.testing.assert_array_equal(gradient, expected[1][:, :classes])
        assert not expected[1][:, classes:].any()


def test_all_ignored_is_zero() -> None:
    logits = np.ones((3, 4), np.float32)
    for loss in (nf.softmax_cross_entropy, nf.nll_loss):
        value, gradient = loss.value_and_grad(logits, np.full(3, -100))
        assert value == 0
        np.testing.assert_array_equal(gradient, 0)
        value, gradient = loss.value_and_grad(logits, np.array([7, 1, 7]), ignore_index=7)
        np.testing.assert_array_equal(gradient[[0, 2]], 0)
        assert gradient[1].any()


def test_the_gradient_may_replace_the_logits() -> None:
    random = np.random.default_rng(SEED)
    logits = random.normal(size=(33, 2500)).astype(np.float32)
    labels = random.integers(0, 2500, 33)
    for target, options in ((labels, {}), (labels, {"label_smoothing": 0.1}), (random.random((33, 2500)), {})):
        expected = nf.softmax_cross_entropy.value_and_grad(logits, target, **options)
        for layout in (logits.copy(), np.asfortranarray(logits)):
            value, gradient = nf.softmax_cross_entropy.value_and_grad(layout, target, out=layout, **options)
            assert gradient is layout
            assert value == expected[0]
            np.testing.assert_array_equal(layout, expected[1])


def test_nll_of_log_softmax_is_softmax_cross_entropy() -> None:
    random = np.random.default_rng(SEED)
    logits = random.normal(size=(20, 8))
    labels = random.integers(0, 8, 20)
    weight = random.random(8)
    log_probs = nf.log_softmax(logits)
    one = nf.nll_loss(log_probs, labels, weight=weight)
    assert one == pytest.approx(nf.softmax_cross_entropy(logits, labels, weight=weight), rel=1e-14)
    gradient = nf.nll_loss.grad(log_probs, labels, weight=weight)
    expected = np.zeros((20, 8))
    expected[np.arange(20), labels] = -weight[labels] / weight[labels].sum()
    np.testing.assert_allclose(gradient, expected, rtol=1e-15)


# ---------------------------------------------------------------------------------------------------- Bad input

X = np.ones((4, 3), np.float32)
LABELS = np.array([0, 1, 2, 0])

BAD_CALLS = [
    (lambda: nf.mse_loss(X), TypeError, "missing required argument 'target'"),
    (lambda: nf.mse_loss(X, X, wieght=X), TypeError, "wieght.*it takes pred, target, weight, reduction"),
    (lambda: nf.mse_loss(X, X, X), TypeError, "2 positional arguments but 3"),
    (lambda: nf.mse_loss(X, np.ones((5, 3))), ValueError, r"target has shape \(5, 3\).*pred of shape \(4, 3\)"),
    (lambda: nf.mse_loss(X[0], X), ValueError, "does not broadcast to pred"),
    (lambda: nf.mse_loss(X, X, weight=np.ones(4)), ValueError, r"weight has shape \(4,\)"),
    (lambda: nf.mse_loss(X, X, reduction="avg"), ValueError, "reduction must be 'mean', 'sum' or 'none', got 'avg'"),
    (lambda: nf.mse_loss(X, X, reduction=None), ValueError, "reduction must be 'mean', 'sum' or 'none', got None"),
    (lambda: nf.mse_loss(X + 1j, X), TypeError, "pred must be of float16.*, got complex64"),
    (lambda: nf.mse_loss(X, np.array(["a"])), TypeError, "target must be of .*, got <U1"),
    (lambda: nf.mse_loss(X, [None]), TypeError, "target must be of .*, got object"),
    (lambda: nf.huber_loss(X, X, delta=0), ValueError, "delta must be greater than 0, got 0.0"),
    (lambda: nf.huber_loss(X, X, delta=np.nan), ValueError, "delta must be greater than 0, got nan"),
    (lambda: nf.huber_loss(X, X, delta="1"), TypeError, "delta must be a real number, got '1'"),
    (lambda: nf.quantile_loss(X, X, q=1.5), ValueError, "q must be between 0 and 1, got 1.5"),
    (lambda: nf.kl_div(X, X, log_target=1), TypeError, "log_target must be True or False, got 1"),
    (lambda: nf.gaussian_nll_loss(X, X, var=-X), ValueError, "var must be at least 0, got -1.0"),
    (
        lambda: nf.sigmoid_cross_entropy(X, X, pos_weight=[1, -2, 1]),
        ValueError,
        "pos_weight must be at least 0, got -2.0",
    ),
    (
        lambda: nf.softmax_cross_entropy(X, [0, 1, 3, 5]),
        ValueError,
        r"target\[2\] must be from 0 to 2 or ignore_.*, got 3",
    ),
    (lambda: nf.softmax_cross_entropy(X, [0, 1, -1, 0]), ValueError, r"target\[2\] must be .*, got -1"),
    (lambda: nf.softmax_cross_entropy(X, LABELS + np.nan), TypeError, "target must be of integers.*; got float64"),
    (lambda: nf.softmax_cross_entropy(X, LABELS * 1.0), TypeError, "target must be of integers.*; got float64"),
    (lambda: nf.softmax_cross_entropy(X, LABELS > 0), TypeError, "target must be of integers.*; got bool"),
    (lambda: nf.softmax_cross_entropy(X, LABELS[:3]), ValueError, r"target has shape \(3,\)"),
    (lambda: nf.softmax_cross_entropy(X, X[:3]), ValueError, r"target has shape \(3, 3\)"),
    (
        lambda: nf.softmax_cross_entropy(X, LABELS, weight=[1, 2]),
        ValueError,
        r"weight must have shape \(3,\), one weight for each class, got \(2,\)",
    ),
    (
        lambda: nf.softmax_cross_entropy(X, LABELS, weight=[1, -2, 1]),
        ValueError,
        r"weight\[1\] must be at least 0",
    ),
    (
        lambda: nf.softmax_cross_entropy(X, LABELS, axis=2),
        ValueError,
        "axis must be one of the 2 axes of logits",
    ),
    (lambda: nf.softmax_cross_entropy(X, LABELS, axis=1.0), TypeError, "axis must be an integer, got 1.0"),
    (lambda: nf.nll_loss(X, LABELS, ignore_index=2**70), ValueError, "ignore_index must be an integer of 64 bits"),
    (
        lambda: nf.softmax_cross_entropy(X, LABELS, label_smoothing=2),
        ValueError,
        "label_smoothing must be between 0 and 1, got 2.0",
    ),
    (lambda: nf.softmax_cross_entropy(1.0, 0), ValueError, "logits must have an axis for the classes, got a scalar"),
    (lambda: nf.nll_loss(X, X), TypeError, "target must be of integers"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS, ids=[message for *_, message in BAD_CALLS])
def test_bad_arguments_are_named(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_first_bad_label_is_found_in_its_dimensions() -> None:
    labels = np.zeros((3, 4), int)
    labels[1, 2] = labels[2, 0] = 9
    with pytest.raises(ValueError, match=r"target\[1, 2\] must be .*, got 9"):
        nf.softmax_cross_entropy(np.ones((3, 5, 4)), labels, axis=1)


@pytest.mark.parametrize("loss", [nf.mse_loss, nf.softmax_cross_entropy], ids=repr)
def test_bad_outputs_are_refused_before_anything_is_written(loss) -> None:
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    target = np.ones(3, int) if loss is nf.mse_loss else LABELS
    frozen = np.zeros((4, 3), np.float32)
    frozen.flags.writeable = False
    for out, error, message in [
        (
            np.zeros((3, 4), np.float32),
            ValueError,
            r"out must have shape \(4, 3\), .*, got \(3, 4\)",
        ),
        (np.zeros((4, 3)), TypeError, "out must be of float32, the dtype of the gradient, got float64"),
        (frozen, ValueError, "out must be writeable, got a read-only array"),
        ([[0.0]], TypeError, "out must be an ndarray, got list"),
    ]:
        before = np.copy(out)
        with pytest.raises(error, match=message):
            loss.grad(x, target, out=out)
        np.testing.assert_array_equal(out, before)


def test_nothing_is_written_for_a_bad_label() -> None:
    logits = np.ones((3, 4), np.float32)
    with pytest.raises(ValueError, match="target"):
        nf.softmax_cross_entropy.value_and_grad(logits, [0, 1, 4], out=logits)
    np.testing.assert_array_equal(logits, 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
@pytest.mark.parametrize("position", [0, 31, 1023, 1024, 99_999])
@pytest.mark.parametrize(("bad", "message"), [(-0.5, "var must be .* got -0.5"), (-np.inf, "var must be .* got -inf")])
def test_one_bad_variance_is_found_before_anything_is_written(dtype, position, bad, message) -> None:
    x, out = np.zeros(100_000, np.float32), np.ones(100_000, np.float32)
    var = np.ones((100_000, 2), dtype)
    var[::3] = np.inf
    var[::5] = -0.0
    nf.gaussian_nll_loss(x, x, var=var[:, 0])
    var[position] = bad
    for strided in (var[:, 0], np.ascontiguousarray(var[:, 0]), var[::-1, 1]):
        with pytest.raises(ValueError, match=message):
            nf.gaussian_nll_loss.value_and_grad(x, x, var=strided, out=out)
    assert (out == 1).all()


def test_the_smallest_variance_is_named() -> None:
    x, var = np.zeros(100_000), np.ones(100_000)
    var[[5, 50_000, 90_000]] = -1, -3, -2
    for position in (4, 40_000, 95_000):
        var[position] = np.nan
        with pytest.raises(ValueError, match=r"var must be at least 0, got -3\.0"):
            nf.gaussian_nll_loss(x, x, var=var)


def test_nan_in_a_variance_propagates() -> None:
    value, grad = nf.gaussian_nll_loss.value_and_grad([1.0, 1.0], [0.0, 0.0], var=[1.0, np.nan], reduction="sum")
    assert np.isnan(value)
    assert grad[0] == 1
    assert np.isnan(grad[1])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("targets", ["labels", "smoothed labels", "probabilities"])
def test_threads_that_share_a_row_change_no_bit(dtype: type, targets: str) -> None:
    random = np.random.default_rng(6)
    classes = 270_001
    logits = random.normal(size=(5, classes)).astype(dtype)
    weights = random.uniform(0.5, 2, size=classes)
    options: dict[str, object] = {"weight": weights, "reduction": "none"}
    target = random.integers(0, classes, size=5)
    if targets == "smoothed labels":
        options["label_smoothing"] = 0.1
    elif targets == "probabilities":
        target = random.dirichlet(np.ones(classes), size=5).astype(dtype)
    before = nf.get_num_threads()
    try:
        nf.set_num_threads(1)
        values, gradients = nf.softmax_cross_entropy.value_and_grad(logits, target, **options)
        mean = nf.softmax_cross_entropy(logits[:1], target[:1], weight=weights)
        for threads in (2, 4):
            nf.set_num_threads(threads)
            value, gradient = nf.softmax_cross_entropy.value_and_grad(logits[:1], target[:1], **options)
            np.testing.assert_array_equal(value, values[:1])
            np.testing.assert_array_equal(gradient, gradients[:1])
            assert nf.softmax_cross_entropy(logits[:1], target[:1], weight=weights) == mean
    finally:
        nf.set_num_threads(before)
