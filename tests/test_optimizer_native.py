"""No argument crashes the native side of the optimizers, none changes anything if it is refused, and none leaks."""

import gc
import subprocess
import sys

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native

ATTACK = """
import itertools
import math

import numpy as np

from npfuse import _native

f = lambda *shape: np.ones(shape, np.float32)
read_only = np.frombuffer(bytes(12), np.float32)
OBJECTS = [
    None, True, -1, 0, 1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, math.nan, math.inf, 1j, "", "x",
    b"x", [], [None], [[]], (), (None,), ((),), {}, {"a": 1}, set(), object, int, len, f(3), f(0), f(), f(2, 3),
    f(3)[::-1], f(3).astype(">f4"), np.ones(3, int), np.ones(3, object), np.ones(3, complex), np.ones(3, "M8[s]"),
    np.ma.array(f(3), mask=True), np.matrix(f(3, 1)), read_only, np.broadcast_to(f(1), (3,)), np.float32(1),
    np.array([2**62]), np.array([-1]), np.array([5]), np.array([0, 0]), np.array(0), np.array([[0]]), [f(3)], (f(3),),
    [f(3), f(3)], [(f(3), f(3))], [(f(3),)], [()], [(1.0,) * 10], [(1.0, -1.0, 0.0, 0.0, 0.1, 0.9, 0.9, 0.0, 0.0, 0.0)],
]
SETTINGS = (1.0, 1.0, 0.0, 0.0, 0.1, 0.9, 0.999, 1e-8, 0.0, 0.0)
STEPS = [0.0, -1.0, 0.5, 2.0**53 + 2, 1e308, math.inf, math.nan, -math.inf, 1, True, None, "1", 10**400]

count = refused = 0


def attack(function, *args):
    global count, refused
    count += 1
    try:
        function(*args)
    except Exception as error:
        refused += 1


def updater(**options):
    result = _native.Updater("adam", **options)
    result.add([f(4, 3)], [(f(4, 3), f(4, 3))], 0)
    return result


def one_at_a_time(make, good):
    \"\"\"Put each object in the place of each argument, then two objects in the places of each two arguments.\"\"\"
    for i, value in itertools.product(range(len(good)), OBJECTS):
        attack(make(), *good[:i], value, *good[i + 1 :])
    for i, j in itertools.combinations(range(len(good)), 2):
        for x, y in zip(OBJECTS, OBJECTS[7:] + OBJECTS[:7]):
            attack(make(), *good[:i], x, *good[i + 1 : j], y, *good[j + 1 :])
    for n in range(len(good)):
        attack(make(), *good[:n])
    attack(make(), *good, None)


for value in OBJECTS:
    attack(_native.Updater, value)
    attack(_native.Updater, "adam", value)
    attack(_native.Updater, "adam", False, value)
    attack(_native.global_norm, value)
    attack(_native.guarded, value)
    attack(_native.Exclusive, value)
    attack(_native.Exclusive(), value)
attack(_native.guarded)
attack(_native.Exclusive())
for name in _native.optimizers:
    for states in range(6):
        attack(_native.Updater(name).add, [f(3)], [tuple(f(3) for _ in range(states))], 0)
        for settings in range(12):
            attack(_native.step_once, name, f(3), f(3), tuple(f(3) for _ in range(states)), (1.0,) * settings)
one_at_a_time(lambda: _native.Updater("adam").add, ([f(3)], [(f(3), f(3))], 0))
for number in (1, 2, 7, 2**32, 2**63, 2**64 - 1, 2**64, -1):
    attack(updater().add, [f(3)], [(f(3), f(3))], number)
one_at_a_time(lambda: updater().step, ([f(4, 3)], [SETTINGS], 1.0, False, math.inf, []))
one_at_a_time(lambda: updater().step_rows, (0, np.array([0, 3, 0]), f(3, 3), SETTINGS, 1.0, False, []))
one_at_a_time(lambda: _native.step_once, ("adam", f(3), f(3), (f(3), f(3)), SETTINGS))
one_at_a_time(lambda: _native.clip_by_global_norm, ((f(3), f(4)), 1.0))
for step in STEPS:
    for options in ({}, {"seed": 1}):
        attack(updater(**options).step, [f(4, 3)], [(step, *SETTINGS[1:])], 1.0, False, math.inf)
        attack(updater(**options).step_rows, 0, np.array([0]), f(1, 3), (step, *SETTINGS[1:]), 1.0, False)
for i, value in itertools.product(range(1, len(SETTINGS)), [math.nan, math.inf, -math.inf, 1e308, -1e308, -1.0, None]):
    attack(updater().step, [f(4, 3)], [(*SETTINGS[:i], value, *SETTINGS[i + 1 :])], 1.0, False, math.inf)
for factor, largest in itertools.product([math.nan, math.inf, 0.0, -1.0, 1e308], repeat=2):
    attack(updater().step, [f(4, 3)], [SETTINGS], factor, True, largest)
for rows in ([-1], [4], [2**62], [-(2**63)], [0, 4], [], [0] * 1000, [3, 2, 1, 0, 3]):
    for k in (0, 1, 2, len(rows)):
        attack(updater().step_rows, 0, np.array(rows, np.int64), f(k, 3), SETTINGS, 1.0, False)
zeros = np.zeros(4, int)
for rows in (zeros[:2].astype("i4"), zeros[:2].astype("u8"), zeros[::2], zeros[:2].astype(">i8"), zeros[:2, None]):
    attack(updater().step_rows, 0, rows, f(2, 3), SETTINGS, 1.0, False)
for shape in ((2,), (2, 2), (2, 3, 1), (3,), ()):
    attack(updater().step_rows, 0, np.zeros(2, int), f(*shape), SETTINGS, 1.0, False)
for i in (-1, 1, 2, 2**31, 2**63, 2**64):
    attack(updater().step_rows, i, np.zeros(2, int), f(2, 3), SETTINGS, 1.0, False)
    attack(updater().group_of, i)
scalar = _native.Updater("sgd")
scalar.add([f()], [()], 0)
attack(scalar.step_rows, 0, np.zeros(1, int), f(), SETTINGS[:5], 1.0, False)
for changes in ([None], [()], [({},)], [({}, None)], [({}, {}, {})], [[{}, {}]], ({}, {})):
    attack(updater().step, [f(4, 3)], [SETTINGS], 1.0, False, math.inf, changes)
print(count, refused)
"""


def test_no_argument_crashes():
    done = subprocess.run([sys.executable, "-c", ATTACK], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    count, refused = map(int, done.stdout.split())
    assert count > 3000
    assert refused > 0.9 * count


@pytest.mark.parametrize("name", [name for name in nf.optimizers.__all__ if name.endswith("_step")])
def test_missing_states_are_refused(name):
    function, param = getattr(nf, name), np.ones(3)
    for states in range(5):
        for missing in range(states):
            arrays = [np.zeros(3)] * missing + [None] + [np.zeros(3) for _ in range(states - missing - 1)]
            try:
                function(param, np.ones(3), *arrays, step=1, lr=0.1)
            except (TypeError, ValueError):
                assert (param == 1).all()
            else:
                param[...] = 1  # None is what the argument is by default


def test_a_state_that_is_none():
    with pytest.raises(TypeError, match="square_avg must be a NumPy array, got NoneType"):
        nf.rmsprop_step(np.ones(3), np.ones(3), None, step=1, lr=0.1)


def test_a_pickle_without_its_states_is_refused():
    optimizer = nf.Adam([np.ones(3), np.ones(2)])
    state = optimizer.__getstate__()
    for broken in ([], state["_state"][:1], [{}, {}], [{"exp_avg": np.zeros(3)}, state["_state"][1]]):
        other = nf.Adam.__new__(nf.Adam)
        with pytest.raises(ValueError, match="states"):
            other.__setstate__({**state, "_state": broken})


GROUP = {"params": [np.ones(3, np.float32)]}


def calls():
    """Yield calls, good ones and bad ones, with their arguments."""
    settings = (1.0, 1.0, 0.0, 0.0, 0.1)
    param, grad, table, rows = np.ones(3, np.float32), np.ones(3, np.float32), np.ones((4, 3)), np.array([0, 2])
    updater = _native.Updater("sgd")
    updater.add([param, table], [(), ()], 0)
    good = [grad, np.ones((4, 3))]
    own, change = {"steps": 1}, {"steps": 2000}
    yield updater.step, (good, [settings], 1.0, True, 1.0, [(own, change)])
    yield updater.step, (good, [settings], 1.0, True, 1.0, [(own, None)])
    yield updater.step, ([np.float32(1), good[1]], [settings], 1.0, False, 1.0)
    yield updater.step, ([good[0], table], [settings], 1.0, False, 1.0)
    yield updater.step, (good, [settings[:4]], 1.0, False, 1.0)
    yield updater.step_rows, (1, rows, np.ones((2, 3)), settings, 1.0, True, [(own, change)])
    yield updater.step_rows, (1, rows, np.ones((3, 3)), settings, 1.0, True, [(own, change)])
    yield _native.step_once, ("sgd", param, grad, (), settings)
    yield _native.step_once, ("sgd", param, param, (), settings)
    yield _native.Updater("sgd").add, ([np.ones(3), np.ones(3)], [(), ()], 0)
    yield _native.Updater("sgd").add, ([np.ones(3), np.ones(3)], [(), (np.ones(3),)], 0)
    yield _native.global_norm, ((grad, np.float64(2.0)),)
    yield _native.global_norm, ((grad, None),)
    yield _native.clip_by_global_norm, ((np.ones(3), np.ones(3)), 0.5)
    yield _native.clip_by_global_norm, ((grad, grad), 0.5)
    yield _native.guarded, (max, grad[0], grad[1])
    yield _native.guarded, (max, grad[0], None)
    yield _native.Exclusive(), (max, grad[0], None)
    yield _native.Exclusive(), (sum, [grad, grad])


def everything(arguments):
    yield arguments
    if isinstance(arguments, (list, tuple)):
        for item in arguments:
            yield from everything(item)
    elif isinstance(arguments, dict):
        for item in arguments.values():
            yield from everything(item)


@pytest.mark.parametrize("number", range(len(list(calls()))))
def test_reference_counts_stay_as_they_are(number):
    function, arguments = list(calls())[number]
    keeps = getattr(function, "__name__", "") == "add"

    def call():
        try:
            function(*arguments)
        except Exception:
            return

    call()
    objects = list(everything(arguments))
    gc.collect()
    before = [sys.getrefcount(item) for item in objects]
    for _ in range(1 if keeps else 50):
        call()
    gc.collect()
    after = [sys.getrefcount(item) for item in objects]
    everywhere = (int, float, bool, type(None))  # what others may refer to meanwhile
    counts = zip(objects, before, after, strict=True)
    assert not [(item, b, a) for item, b, a in counts if a != b and not isinstance(item, everywhere) and item != ()]


def test_an_optimizer_gives_its_arrays_back():
    param = np.ones(3)
    before = sys.getrefcount(param)
    optimizer = nf.Adam([param])
    optimizer.step([np.ones(3)])
    with pytest.raises(ValueError, match="shares memory"):
        optimizer.add_group([param])
    del optimizer
    gc.collect()
    assert sys.getrefcount(param) == before


def test_an_exclusive_object_is_made_without_arguments() -> None:
    for args, keywords in (((1,), {}), ((), {"a": 1}), ((1,), {"a": 1})):
        with pytest.raises(TypeError, match="takes no arguments"):
            _native.Exclusive(*args, **keywords)


@pytest.mark.parametrize(("optimizer", "states"), [("sgd", 0), ("sgd_momentum", 1), ("adam", 2)])
def test_a_bad_master_copy_is_named(optimizer: str, states: int) -> None:
    given = (*[np.ones(2, np.float32)] * states, np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"^master of params\[0\] must be of its parameter's shape \(2,\), got \(3,\)"):
        _native.Updater(optimizer).add([np.ones(2, np.float16)], [given], 0)
