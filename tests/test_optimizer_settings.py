"""Every setting of optimizers, schedules and minibatches is taken, or refused by an error that names it."""

import inspect
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import npfuse as nf

VALUES = {
    "string": "0.5",
    "False as a string": "False",
    "empty string": "",
    "None": None,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "True": True,
    "complex": 0.5 + 0j,
    "float32": np.float32(0.5),
    "float64": np.float64(0.5),
    "float16": np.float16(0.5),
    "long double": np.longdouble(0.5),
    "int64": np.int64(1),
    "bool_": np.bool_(True),
    "0-d array": np.array(0.5),
    "1-d array": np.ones(2),
    "huge": 10**400,
    "endless": 10**5000,
    "minus huge": -(10**400),
    "minus one": -1,
    "large": 1e39,
    "fraction": Fraction(1, 2),
    "decimal": Decimal("0.5"),
    "list": [0.5, 0.5],
    "list of strings": ["0.5", "0.5"],
    "object": object(),
    "masked": np.ma.array([0.5], mask=[True]),
}
TAKEN = {"float32", "float64", "float16", "long double", "fraction"}
"""What every plain number may be."""

CLASSES = [getattr(nf, name) for name in nf.optimizers.__all__ if inspect.isclass(getattr(nf, name))][:]
CLASSES.remove(nf.Optimizer)
FUNCTIONS = [getattr(nf, name) for name in nf.optimizers.__all__ if name.endswith("_step")]
OPTIONS = ["weight_decay", "decoupled_weight_decay", "maximize"]
MORE_OPTIONS = [*OPTIONS, "master_weights", "stochastic_rounding", "seed"]
NUMBERS = {"lr", "eps", "momentum", "dampening", "alpha", "rho", "lr_decay", "momentum_decay", "weight_decay"}
NOT_SETTINGS = {"self", "params", "param", "grad", "options"}


def settings_of(function):
    """Return the names of settings: whatever is no array."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in NOT_SETTINGS and "Array" not in str(parameter.annotation)
    ]


def states_of(function):
    """Return how many states a step function needs."""
    parameters = inspect.signature(function).parameters.items()
    return sum(p.annotation == "Array" for name, p in parameters if name not in NOT_SETTINGS)


def check(call, name, kind, arrays):
    """Make the call; if it is refused, that names the setting, and no array has changed."""
    before = [array.tobytes() for array in arrays]
    refusal = refusal_of(call)
    if refusal is None:
        assert all(np.isfinite(array).all() for array in arrays)
        return
    assert name in refusal
    assert kind not in TAKEN or name not in NUMBERS, refusal
    assert [array.tobytes() for array in arrays] == before


def refusal_of(call):
    """Return what a call is refused with, None if it is not; anything but these errors is a failure."""
    try:
        call()
    except (TypeError, ValueError, IndexError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("cls", CLASSES)
def test_settings_of_optimizers(cls, kind):
    for name in [*settings_of(cls.__init__), *MORE_OPTIONS]:
        param = np.ones(3)

        def call(name=name, param=param):
            cls([param], **{name: VALUES[kind]}).step([np.ones(3)])

        check(call, name, kind, [param])


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("cls", CLASSES)
def test_settings_of_groups(cls, kind):
    param = np.ones(3)
    optimizer = cls([param])
    for name in list(optimizer.groups[0]):
        group = optimizer.groups[0]
        before = dict(group)
        refusal = refusal_of(lambda name=name, group=group: group.update({name: VALUES[kind]}))
        assert refusal is None or (name in refusal and dict(group) == before)
        group[name] = before[name]
        check(lambda name=name: optimizer.add_group([np.ones(2)], **{name: VALUES[kind]}), name, kind, [param])


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_settings_of_step_functions(function, kind):
    required = {"step": 1, "lr": 0.1}
    for name in [*settings_of(function), *OPTIONS]:
        arrays = [np.ones(3) for _ in range(2 + states_of(function))]
        if name == "momentum":
            arrays.append(np.ones(3))  # its buffer

        def call(name=name, arrays=arrays):
            function(*arrays, **{**required, name: VALUES[kind]})

        check(call, name, kind, arrays)


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("name", ["scale", "clip_norm", "max_norm", "index", "rows", "params", "grads", "state"])
def test_arguments_of_methods(name, kind):
    param, grad = np.ones((3, 2)), np.full((3, 2), 0.5)
    optimizer = nf.Adam([param])
    value = VALUES[kind]
    calls = {
        "scale": lambda: (
            optimizer.step([grad], scale=value),
            optimizer.step_rows(0, np.array([0]), grad[:1], scale=value),
        ),
        "clip_norm": lambda: optimizer.step([grad], clip_norm=value),
        "max_norm": lambda: nf.clip_by_global_norm([grad], value),
        "index": lambda: optimizer.step_rows(value, np.array([0]), grad[:1]),
        "rows": lambda: optimizer.step_rows(0, value, grad[:1]),
        "params": lambda: nf.Adam(value),
        "grads": lambda: optimizer.step(value),
        "state": lambda: optimizer.load_state_dict(value),
    }
    check(calls[name], name, kind, [param, grad])


SCHEDULES = {
    nf.schedules.constant: {"lr": 0.5},
    nf.schedules.step: {"lr": 0.5, "every": 3, "factor": 0.5},
    nf.schedules.exponential: {"lr": 0.5, "factor": 0.5},
    nf.schedules.cosine: {"lr": 0.5, "steps": 10, "final": 0.1},
    nf.schedules.warm_up: {"lr": 0.5, "steps": 10, "start": 0.1},
    nf.schedules.one_cycle: {"lr": 0.5, "steps": 10, "rise": 0.3, "start_divisor": 25.0, "final_divisor": 1e4},
}


def test_every_schedule_is_tried():
    assert {function.__name__ for function in SCHEDULES} == set(nf.schedules.__all__)


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("function", SCHEDULES)
def test_settings_of_schedules(function, kind):
    for name in SCHEDULES[function]:

        def call(name=name):
            schedule = function(**{**SCHEDULES[function], name: VALUES[kind]})
            assert all(0 <= schedule(taken) < np.inf for taken in (0, 1, 10, 10**9))

        check(call, name, kind, [])
    check(lambda: function(**SCHEDULES[function])(VALUES[kind]), "steps taken", kind, [])


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("name", ["batch_size", "rng", "shuffle", "drop_last"])
def test_settings_of_minibatches(name, kind):
    settings = {"batch_size": 2, "rng": 0, "shuffle": True, "drop_last": False, name: VALUES[kind]}
    check(lambda: list(nf.minibatches(np.ones((5, 2)), **settings)), name, kind, [])


@pytest.mark.parametrize("call", ["False", 1, 0, "yes", None])
def test_only_booleans_are_booleans(call):
    p, g, buffer = np.ones(3), np.ones(3), np.zeros(3)
    momentum = {"step": 1, "lr": 0.1, "momentum": 0.9}
    for name in ("nesterov", "velocity"):
        with pytest.raises(TypeError, match=f"{name} must be True or False"):
            nf.sgd_step(p, g, buffer, **momentum, **{name: call})
    with pytest.raises(TypeError, match="velocity must be True or False"):
        nf.rmsprop_step(p, g, np.zeros(3), buffer, **momentum, velocity=call)
    for name in ("shuffle", "drop_last"):
        with pytest.raises(TypeError, match=f"{name} must be True or False"):
            nf.minibatches(np.ones(3), 2, **{name: call})
    assert (p == 1).all()
    assert (buffer == 0).all()


@pytest.mark.parametrize("value", [-1, 1.5, float("nan")])
def test_a_product_of_momenta_is_between_0_and_1(value):
    with pytest.raises(ValueError, match="mu_product must be"):
        nf.nadam_step(np.ones(3), np.ones(3), np.zeros(3), np.zeros(3), value, step=1)
