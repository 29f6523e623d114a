"""Parameters that are single numbers: what is legal has its right result, what is not is refused by name."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Iterator

import ml_dtypes
import mpmath
import numpy as np
import pytest
from mpmath import mpf

import npfuse as nf
from npfuse import _native
from table import ACTIVATIONS, LOSSES, Activation

BFLOAT16 = ml_dtypes.bfloat16
INFINITE = {float("inf"): mpf(10) ** 700, -float("inf"): -(mpf(10) ** 700)}
"""Stands for infinity where mpmath takes a limit: no product with a float comes near an ordinary number."""

PARAMETRIC = [activation for activation in ACTIVATIONS if activation.parameters != ((),)]
UNDECIDED_AT_A_CORNER = {"hard_sigmoid_backward"}
"""Whether x is beyond a corner depends on a sum that has been rounded."""


def names_of(activation: str) -> list[str]:
    return list(_native.activation_parameters[activation])


def magnitudes(dtype: type) -> list[float]:
    limits = np.finfo(dtype)
    tiny, huge = (1e-40, 1e30) if dtype is np.float32 else (1e-310, 1e300)
    some = [limits.smallest_subnormal, tiny, limits.smallest_normal, 1e-10, 0.5, 1, 3, 1e10, huge, limits.max]
    return [float(dtype(number)) for number in some]


def numbers(dtype: type) -> list[float]:
    """Return parameters and inputs of every magnitude, both zeros and infinities among them."""
    positive = [0.0, *magnitudes(dtype), math.inf]
    return [*positive, *(-number for number in positive)]


def choices(activation: Activation, dtype: type) -> Iterator[tuple[float, ...]]:
    """Generate all combinations of parameters, of two parameters fewer values."""
    count = len(activation.parameters[0])
    few = {0.0, 0.5, 1.0, *magnitudes(dtype)[::9], math.inf}
    for values in itertools.product(numbers(dtype), repeat=count):
        if count == 1 or all(abs(value) in few for value in values):
            yield values


def is_close(result: float, truth: mpf, dtype: type, ulp: float, around_zero: float) -> bool:
    """Tell whether a result is within so many ULP of the truth, subnormal numbers within two steps."""
    limits = np.finfo(dtype)
    largest = mpf(float(limits.max))
    if not math.isfinite(result) or abs(truth) > largest:
        beyond = abs(truth) > largest * (1 - mpf(2) ** (-limits.nmant + 1))
        return beyond and abs(result) > 0.99 * float(limits.max) and (result > 0) == (truth > 0)
    step = mpf(2) ** (mpmath.floor(mpmath.log(abs(truth), 2)) - limits.nmant) if truth else mpf(0)
    allowed = max(mpf(ulp + 0.01) * step, mpf(float(limits.smallest_subnormal)) * 2.01, mpf(around_zero))
    return bool(abs(mpf(result) - truth) <= allowed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("activation", "derivative"),
    [
        pytest.param(activation, derivative, id=f"{activation.name}-{'backward' if derivative else 'forward'}")
        for activation in PARAMETRIC
        for derivative in (False, True)
        if activation.elementwise_backward or not derivative
    ],
)
def test_every_legal_parameter_has_its_limit(activation: Activation, derivative: bool, dtype: type) -> None:
    """Inputs and parameters of every magnitude against mpmath: a number that is right, or a ValueError."""
    name = activation.name + ("_backward" if derivative else "")
    formula = activation.derivative if derivative else activation.formula
    ulp = max(activation.backward_ulp if derivative else activation.forward_ulp, 0.5)
    around_zero = 2.0 ** -np.finfo(dtype).nmant / 2 if derivative and activation.slope_zero else 0
    x = np.array([*numbers(dtype), 100, -100, -150, 700, -700], dtype)
    tried = 0
    for parameters in choices(activation, dtype):
        try:
            result = getattr(nf, name)(*([np.ones_like(x)] if derivative else []), x, *parameters)
        except ValueError as error:
            assert any(str(error).startswith(f"{each} must be ") for each in names_of(activation.name))  # noqa: PT017
            continue
        tried += 1
        with mpmath.workprec(2500):
            given = [INFINITE.get(value, mpf(value)) for value in parameters]
            for point, actual in zip(x.tolist(), result.tolist(), strict=True):
                if name in UNDECIDED_AT_A_CORNER and not math.isnan(actual):
                    continue
                truth = formula(INFINITE.get(point, mpf(point)), *given)
                assert is_close(actual, truth, dtype, ulp, around_zero), (name, parameters, point, actual)
    assert tried > 5


REFUSED = {
    "negative_slope": [math.nan, math.inf, -math.inf],
    "slope": [math.nan, math.inf],
    "threshold": [math.nan],
    "alpha": [math.nan, math.inf],
    "beta": [math.nan, math.inf],
    "min": [math.nan],
    "max": [math.nan],
    "lambd": [math.nan],
}
POSITIVE = {("celu", "alpha"), ("softplus", "beta")}
NON_NEGATIVE = {("soft_shrink", "lambd")}
UNDERFLOWING, OVERFLOWING, SUBNORMAL = 1e-50, 1e39, 1e-40


def refused(activation: str, parameter: str, dtype: type) -> list[float]:
    values = list(REFUSED.get(parameter, []))
    if dtype is not np.float64:
        values += [UNDERFLOWING, -UNDERFLOWING, OVERFLOWING, -OVERFLOWING, 10**39]
    if (activation, parameter) in POSITIVE:
        values += [0, -0.0, -1, 5e-324, *([SUBNORMAL] if dtype is not np.float64 else [])]
    if (activation, parameter) in NON_NEGATIVE:
        values += [-1, -math.inf, math.inf]
    return values


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("activation", "parameter"),
    [(row.name, parameter) for row in PARAMETRIC for parameter in names_of(row.name)],
)
def test_illegal_parameters_are_refused_before_anything_is_written(
    activation: str, parameter: str, dtype: type
) -> None:
    x, out = np.array([[-1, 2], [3, -4]], dtype), np.full((2, 2), 7, dtype)
    others = dict.fromkeys(names_of(activation), 1.0)
    row = next(row for row in PARAMETRIC if row.name == activation)
    calls = [
        lambda given: getattr(nf, activation)(x, **given, out=out),
        lambda given: nf.bias_act(x, x[0], activation, **given, out=out),
        lambda given: nf.bias_act_backward(x, x, x[0], activation, **given, out=out),
    ]
    if row.elementwise_backward:
        calls.append(lambda given: getattr(nf, f"{activation}_backward")(x, x, **given, out=out))
    for value, call in itertools.product(refused(activation, parameter, dtype), calls):
        with pytest.raises(ValueError, match=rf"^{parameter} must be .*, got "):
            call({**others, parameter: value})
    for value, call in itertools.product([None, True, "1", b"1", 1j, np.bool_(True), np.array(["a"])], calls):
        with pytest.raises(TypeError, match=rf"^{parameter} must be .*, got "):
            call({**others, parameter: value})
    with pytest.raises(ValueError, match=f"^{parameter} must be"):
        calls[0]({**others, parameter: 10**400})
    assert (out == 7).all()


def test_the_slope_of_prelu_is_checked_in_its_backward_pass() -> None:
    x = np.ones(3, np.float16)
    for value in (math.nan, math.inf, OVERFLOWING, UNDERFLOWING):
        with pytest.raises(ValueError, match=r"^slope must be"):
            nf.prelu_backward(x, x, value)


def test_parameters_that_are_arrays_are_data() -> None:
    x = np.array([-1, -1, -1], np.float32)
    result = nf.leaky_relu(x, np.array([np.nan, np.inf, 0.5], np.float32))
    np.testing.assert_array_equal(result, [np.nan, -np.inf, -0.5])
    assert np.isnan(nf.leaky_relu(x, np.float32(np.nan))).all()


LOSS_REFUSED = {
    "delta": [0, -1, math.nan, 5e-324],
    "beta": [0, -1, math.nan, math.inf, 5e-324],
    "q": [-0.1, 1.1, math.nan, math.inf],
    "label_smoothing": [-0.1, 1.1, math.nan],
    "alpha": [math.nan, math.inf],
    "gamma": [-1, math.nan, math.inf],
    "eps": [-1, math.nan, math.inf],
    "var": [-1, math.nan, math.inf],
    "pos_weight": [-1, math.nan, math.inf],
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("row", "parameter"),
    [
        (row, name)
        for row in LOSSES
        for name, value in {**row.operands, **row.parameters[0]}.items()
        if not isinstance(value, bool)
    ],
    ids=lambda part: getattr(part, "label", part),
)
def test_illegal_parameters_of_losses_are_refused(row, parameter: str, dtype: type) -> None:
    pred, out = np.full(3, 0.5, dtype), np.full(3, 7, dtype)
    values = LOSS_REFUSED[parameter]
    if dtype is not np.float64 and parameter not in ("q", "label_smoothing"):
        values = [*values, OVERFLOWING, UNDERFLOWING]
    for value in [*values, 10**400]:
        with pytest.raises(ValueError, match=rf"^{parameter} must be .*, got "):
            row.function.value_and_grad(pred, pred, **{parameter: value}, out=out)
    for value in ["1", 1j, *([None, True, np.bool_(True), np.array(["1"])] if parameter in row.parameters[0] else [])]:
        with pytest.raises(TypeError, match=rf"^{parameter} "):
            row.function.value_and_grad(pred, pred, **{parameter: value}, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [row.name for row in LOSSES])
def test_legal_parameters_of_losses_give_numbers(name: str, dtype: type) -> None:
    """Of every magnitude: where prediction, target and parameter are finite, nothing is NaN."""
    row = next(row for row in LOSSES if row.name == name)
    pred = np.array([0.25, 0.5, 1e-3, 0.999], dtype)
    target = np.array([1, 1, 1, 1], dtype)
    for parameter in [key for key, value in row.parameters[0].items() if not isinstance(value, bool)]:
        tried = 0
        for value in [*numbers(dtype), 0.25, 1.0]:
            try:
                values, gradient = row.function.value_and_grad(pred, target, reduction="none", **{parameter: value})
            except ValueError:
                continue
            tried += 1
            assert not np.isnan(values).any(), (parameter, value)
            assert not np.isnan(gradient).any(), (parameter, value)
        assert tried > 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits_of_robust_losses(dtype: type) -> None:
    """delta = infinity leaves the quadratic; beyond the largest and the least number there is an error."""
    pred = np.array([0, -1e-30, 3, -1e15, np.inf, -np.inf], dtype)
    half_square = (pred.astype(np.float64) ** 2 / 2).astype(dtype)
    for loss in (nf.huber_loss, nf.pseudo_huber_loss):
        values, gradient = loss.value_and_grad(pred, dtype(0), delta=math.inf, reduction="none")
        np.testing.assert_allclose(values, half_square, rtol=1e-6)
        np.testing.assert_array_equal(gradient, pred)
    for delta in magnitudes(dtype)[2:]:
        values, gradient = nf.pseudo_huber_loss.value_and_grad(pred[:3], dtype(0), delta=delta, reduction="none")
        with mpmath.workprec(2500):
            for r, value, slope in zip(pred[:3].tolist(), values.tolist(), gradient.tolist(), strict=True):
                root = mpmath.sqrt(1 + (mpf(r) / delta) ** 2)
                assert is_close(value, mpf(delta) ** 2 * (root - 1), dtype, 8, 0), (r, delta)
                assert is_close(slope, mpf(r) / root, dtype, 2, 0), (r, delta)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 1e30])
def test_focal_loss_of_infinite_predictions(dtype: type, gamma: float) -> None:
    """A confident prediction that is wrong costs infinitely much, with the slope of the cross-entropy."""
    pred = np.array([np.inf, -np.inf, np.inf, -np.inf], dtype)
    target = np.array([0, 1, 1, 0], dtype)
    values, gradient = nf.sigmoid_focal_loss.value_and_grad(pred, target, gamma=gamma, reduction="none")
    np.testing.assert_array_equal(values, [np.inf, np.inf, 0, 0])
    np.testing.assert_array_equal(gradient, [0.75, -0.25, 0, 0])


def every_type() -> str:
    return """
import copy, pickle, types
import numpy as np
import npfuse, npfuse.cuda
from npfuse import _native

def belongs(value):
    return str(getattr(type(value), "__module__", "")).startswith("npfuse")

def is_ours(kind):
    return isinstance(kind, type) and str(kind.__module__).startswith("npfuse")

seen, queue, kinds = set(), [npfuse, _native], {}
while queue:
    value = queue.pop()
    if id(value) in seen:
        continue
    seen.add(id(value))
    for kind in (value, type(value)):
        if is_ours(kind) or isinstance(value, types.CapsuleType if hasattr(types, "CapsuleType") else ()):
            kinds.setdefault(kind if isinstance(kind, type) else type(value), value)
    if isinstance(value, types.ModuleType) and value.__name__.startswith("npfuse"):
        queue += vars(value).values()
    elif isinstance(value, dict):
        queue += value.values()
    elif isinstance(value, (list, tuple, set)):
        queue += value
    elif isinstance(value, types.BuiltinFunctionType):
        queue.append(value.__self__)
    elif is_ours(value) or belongs(value):
        for name in dir(value):
            try:
                queue.append(getattr(value, name))
            except Exception:
                pass

def attempt(action):
    try:
        return action()
    except Exception as error:
        assert not isinstance(error, (SystemError, MemoryError)), repr(error)

for kind in sorted(kinds, key=str):
    print(kind.__qualname__, flush=True)
    makers = [kind, lambda: kind.__new__(kind), lambda: object.__new__(kind), lambda: type("Derived", (kind,), {})(),
              lambda: kind(1), lambda: kind(None, None)]
    for value in [*map(attempt, makers), kinds[kind]]:
        for action in (repr, str, copy.copy, copy.deepcopy, pickle.dumps, hash, bool, dir):
            attempt(lambda: action(value))
        attempt(lambda: value == value)
        for name in dir(value):
            attribute = attempt(lambda: getattr(value, name))
            if callable(attribute) and not name.startswith("_") and not isinstance(value, type):
                for arguments in ((), (None,), (1, 2), ([], [])):
                    attempt(lambda: attribute(*arguments))
        attempt(lambda: value.__doc__)
        attempt(lambda: value(np.ones(2)))
"""


def test_no_reachable_type_crashes() -> None:
    """Instantiate, show, document, copy and call: an exception at worst."""
    done = subprocess.run([sys.executable, "-c", every_type()], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout[-500:], done.stderr[-2000:])
    assert {"ParametricUfunc", "Updater", "Loss"} <= set(done.stdout.split())


def test_the_type_of_parametric_functions_makes_no_instances() -> None:
    kind = type(nf.leaky_relu)
    with pytest.raises(TypeError, match="cannot create"):
        kind()
    with pytest.raises(TypeError):
        object.__new__(kind)
    with pytest.raises(TypeError, match="base type"):
        type("Derived", (kind,), {})


def test_a_parameter_must_fit_the_type_that_is_computed_in() -> None:
    """Beyond float32 a number is legal where float64 is computed: for float64 arrays, whatever else is given."""
    assert nf.leaky_relu(np.array([-1e-200, 2.0]), 1e300).tolist() == [-1e100, 2]
    assert nf.leaky_relu(np.array([-1, 2]), 1e300).tolist() == [-1e300, 2]
    for dtype in (np.float16, np.float32):
        with pytest.raises(ValueError, match="negative_slope must "):
            nf.leaky_relu(np.array([-1, 2], dtype), 1e300)
