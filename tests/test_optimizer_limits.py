"""Gradients and settings of every magnitude: steps of the right size, no number lost for ever."""

import math

import numpy as np
import pytest

import npfuse as nf
from table import OPTIMIZERS


def rows(applies):
    return pytest.mark.parametrize("row", [row for row in OPTIMIZERS if applies(row)], ids=str)


row_by_row = rows(lambda row: True)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

SQUARED_UP_TO = {np.float32: 1e18, np.float64: 1e153}
"""The square of such a gradient fits a state."""

STEPS = 8


def magnitudes(dtype):
    top = float(np.finfo(dtype).max)
    return np.array([*10.0 ** np.arange(-30, math.floor(math.log10(top)) + 1), top]).astype(dtype)


def gradients(kind, dtype):
    """Return for every step a gradient for each magnitude."""
    sizes = magnitudes(dtype)
    rng = np.random.default_rng(0)
    if kind == "same":
        return [sizes] * STEPS
    if kind == "alternating":
        return [sizes * dtype((-1) ** step) for step in range(STEPS)]
    top = np.finfo(dtype).max
    factors = 10.0 ** rng.uniform(-3, 3, (STEPS, len(sizes))) * rng.choice([-1, 1], (STEPS, len(sizes)))
    return [np.clip(sizes.astype(np.longdouble) * factor, -top, top).astype(dtype) for factor in factors]


def exact_step(row, p, g, state, step, dtype):
    """Take the reference step in long double, with states as the dtype keeps them.

    Returns the step, and where the dtype has room for the states and for the gradient with its weight decay.
    """
    settings = row.settings
    decay, lr = settings.get("weight_decay", 0.0), settings["lr"]
    decoupled = settings.get("decoupled_weight_decay", False)
    info = np.finfo(dtype)
    g = (-g if settings.get("maximize") else g) + (0 if decoupled else decay) * p
    delta = row.reference(p, g, state, step, **settings)
    kept, in_range = np.ones(p.shape, bool), np.abs(g) <= info.max
    for name, array in state.items():
        kept &= np.abs(array) < info.max
        rounded = array.astype(dtype)
        state[name] = np.where(np.abs(rounded) < info.tiny, 0, rounded).astype(np.longdouble)
    return delta + (lr * decay * p if decoupled else 0), kept, in_range


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp <= 1024, reason="long double has no more range than double")
@row_by_row
@both_dtypes
@pytest.mark.parametrize("kind", ["same", "alternating", "spread"])
def test_every_magnitude_of_gradient(row, dtype, kind):
    """The reference steps wherever states can hold what they need, and never NaN."""
    p = np.zeros(len(magnitudes(dtype)), dtype)
    optimizer = row.cls([p], **row.options)
    exact = p.astype(np.longdouble)
    state = {name: array.astype(np.longdouble) for name, array in optimizer.state[0].items()}
    moved, comparable, fitting = np.zeros(p.shape, np.longdouble), np.ones(p.shape, bool), np.ones(p.shape, bool)
    for step, g in enumerate(gradients(kind, dtype), 1):
        optimizer.step([g])
        with np.errstate(over="ignore", invalid="ignore"):
            delta, kept, in_range = exact_step(row, exact, g.astype(np.longdouble), state, step, dtype)
            exact = (exact - delta).astype(dtype).astype(np.longdouble)
            moved = np.maximum(moved, np.abs(delta))
            fitting &= in_range
            comparable &= kept & in_range & np.isfinite(exact)
            allowed = (2e-6 if dtype is np.float32 else 1e-14) * (moved + np.abs(exact)) + 8 * np.finfo(dtype).tiny
            assert (np.abs(p - exact) <= allowed)[comparable].all()
        if row.cls is not nf.SGD:
            assert np.isfinite(p[fitting]).all()
    squared = row.cls not in (nf.SGD, nf.Adamax, nf.Lion)
    assert comparable.sum() >= (magnitudes(dtype) < SQUARED_UP_TO[dtype] / 1e3).sum() if squared else len(p) - 6


REMEMBERING = (nf.SGD, nf.Adagrad, nf.Adadelta)


@rows(lambda row: row.cls not in REMEMBERING and not row.settings.get("amsgrad"))
@both_dtypes
def test_a_large_gradient_is_forgotten(row, dtype):
    """After one whose square fits, ordinary gradients move the parameter again as far as they ought to."""
    beta = {"betas": (0.5, 0.6)} if "betas" in row.settings else {}
    beta |= {"alpha": 0.5} if "alpha" in row.settings else {}
    sizes = magnitudes(dtype)[magnitudes(dtype) <= SQUARED_UP_TO[dtype]]
    p = np.zeros(len(sizes), dtype)
    optimizer = row.cls([p], **{**row.options, **beta, "weight_decay": 0.0, "maximize": False})
    optimizer.step([sizes])
    ones = [np.ones_like(p)]
    for _ in range(4000):
        optimizer.step(ones)
    assert np.isfinite(p).all()
    p[...] = 0
    optimizer.step(ones)
    assert (p < 0).all()
    if row.cls is not nf.Yogi:
        np.testing.assert_allclose(p, p[0], rtol=1e-2)


@rows(lambda row: row.cls not in (nf.SGD, nf.Adamax, nf.Lion, nf.RAdam))
@both_dtypes
def test_a_square_that_does_not_fit_stops_the_parameter(row, dtype):
    """As in PyTorch: the state is infinite, and no step is taken by what is divided by its root."""
    p = np.zeros(3, dtype)
    optimizer = row.cls([p], **{**row.options, "weight_decay": 0.0})
    optimizer.step([np.ones(3, dtype)])
    top = np.finfo(dtype).max
    optimizer.step([np.array([top, -top, 1], dtype)])
    after = p.copy()
    for g in ([1, 1, 1], [top, top, 1], [0, -1, 1]):
        optimizer.step([np.array(g, dtype)])
    assert np.isfinite(p).all()
    assert p[2] != after[2]
    if not row.settings.get("momentum"):
        assert (p[:2] == after[:2]).all()


@both_dtypes
def test_radam_begins_with_the_gradient_itself(dtype):
    sizes = magnitudes(dtype)
    p = np.zeros(len(sizes), dtype)
    optimizer = nf.RAdam([p], lr=1e-3)
    optimizer.step([sizes])
    np.testing.assert_allclose(p, dtype(-1e-3) * sizes, rtol=1e-6)
    for _ in range(50):
        optimizer.step([sizes])
    assert np.isfinite(p).all()
    before = p.copy()
    p[...] = 0
    optimizer.step([sizes])  # rectified by now: of the size of the learning rate, whatever the gradient's
    assert np.isfinite(before).all()
    assert (np.abs(p) < 1e-2).all()


@pytest.mark.parametrize(
    ("make", "dtype", "gradient", "expected"),
    [
        (nf.Adadelta, np.float32, 3e16, -0.00316),
        (nf.Adadelta, np.float32, 1e17, -0.00316),
        (nf.Adadelta, np.float64, 1e153, -0.00316),
        (nf.RMSprop, np.float32, 1e18, -0.1),
        (nf.RMSprop, np.float32, 1e30, 0.0),
        (nf.NAdam, np.float32, 1e18, -0.00211),
        (nf.NAdam, np.float32, 3e38, 0.0),
        (nf.NAdam, np.float64, 1e200, 0.0),
        (nf.RAdam, np.float64, 1e200, -1e197),
        (nf.Adamax, np.float32, 1.5e38, -0.002),
        (nf.Adamax, np.float32, 3e38, -0.002),
        (nf.Adamax, np.float64, 1e308, -0.002),
    ],
)
def test_gradients_that_used_to_be_wrong(make, dtype, gradient, expected):
    p = np.zeros(1, dtype)
    optimizer = make([p])
    optimizer.step([np.array([gradient], dtype)])
    np.testing.assert_allclose(p, expected, rtol=2e-2)
    for _ in range(20):
        optimizer.step([np.array([1.0], dtype)])
    assert np.isfinite(p).all()


@rows(lambda row: "eps" in row.settings)
@both_dtypes
@pytest.mark.parametrize("eps", [0.0, 1e-50, 1e-300])
def test_an_eps_that_vanishes_keeps_zeros_where_they_are(row, dtype, eps):
    p = np.ones(3, dtype)
    optimizer = row.cls([p], **{**row.options, "eps": eps, "weight_decay": 0.0})
    optimizer.step([np.zeros(3, dtype)])
    assert (p == 1).all() or row.cls is nf.Yogi  # whose averages begin above 0
    optimizer.step([np.ones(3, dtype)])
    assert np.isfinite(p).all()
    assert (p != 1).all() or row.cls is nf.Adadelta  # whose first step is a multiple of it


@row_by_row
@both_dtypes
@pytest.mark.parametrize("lr", [0.0, 1e-300, 1e-40, 1e-20, 2.0**40])
def test_extreme_learning_rates(row, dtype, lr):
    p = np.zeros(3, dtype)
    optimizer = row.cls([p], **{**row.options, "lr": lr, "weight_decay": 0.0})
    unit = np.zeros(3, np.float64)
    other = row.cls([unit], **{**row.options, "lr": 1.0, "weight_decay": 0.0})
    for g in ([1.0, -2.0, 1e-5], [2.0, 1.0, 0.0]):
        optimizer.step([np.array(g, dtype)])
        other.step([np.array(g, np.float64)])
    if row.options.get("velocity"):
        assert np.isfinite(p).all()
    else:
        np.testing.assert_allclose(p, (unit * lr).astype(dtype), rtol=1e-4, atol=np.finfo(dtype).tiny)


OUT_OF_RANGE = [("lr", 1e39), ("lr", 1e13), ("weight_decay", 1e39), ("eps", 1e39), ("momentum", 1e39)]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_settings_are_at_most_2_to_the_40th(name, value):
    p = np.ones(3, np.float32)
    make = nf.SGD if name == "momentum" else nf.RMSprop
    with pytest.raises(ValueError, match=rf"{name} must be between -2\*\*40 and 2\*\*40"):
        make([p], **{name: value})
    optimizer = nf.RMSprop([p], momentum=0.5)
    with pytest.raises(ValueError, match=rf"{name} must be between"):
        optimizer.groups[0][name] = value
    with pytest.raises(ValueError, match=r"lr\(step\) must be between"):
        nf.SGD([p], lr=lambda taken: 1e39).step([np.ones(3)])
    assert (p == 1).all()
