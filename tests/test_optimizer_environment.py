"""The caller's floating-point environment changes no result of optimizers, norms, clipping and schedules."""

import contextlib
import ctypes
import platform

import numpy as np
import pytest

import npfuse as nf
from table import OPTIMIZERS

# Where fenv_t keeps the control bits (in units of 4 bytes, as glibc lays it out), and the bits that a user may set.
CONTROL = {
    "x86_64": (7, {"flush to zero": 0x8040, "round down": 0x2000, "round up": 0x4000, "truncate": 0x6000}),
    "aarch64": (0, {"flush to zero": 1 << 24, "round up": 1 << 22, "round down": 2 << 22, "truncate": 3 << 22}),
}
CONTROL_WORD, CONTROL_BITS = CONTROL.get(platform.machine(), (0, {}))

pytestmark = [
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="knows only how glibc stores the environment"),
    pytest.mark.parametrize("setting", CONTROL_BITS),
]


@contextlib.contextmanager
def control_bits(setting):
    libc = ctypes.CDLL(None)
    found = (ctypes.c_uint32 * 8)()
    libc.fegetenv(found)
    changed = (ctypes.c_uint32 * 8)(*found)
    changed[CONTROL_WORD] |= CONTROL_BITS[setting]
    libc.fesetenv(changed)
    try:
        yield
        after = (ctypes.c_uint32 * 8)()
        libc.fegetenv(after)
        assert after[CONTROL_WORD] & CONTROL_BITS[setting] == CONTROL_BITS[setting]
    finally:
        libc.fesetenv(found)


def same_bits(setting, call):
    """Call twice, in the usual environment and in another one."""
    expected = call()
    with control_bits(setting):
        found = call()
    assert found == expected


def steps_of(row, dtype, **how):
    options, rng = {**row.options, "weight_decay": 0.1, **how}, np.random.default_rng(0)
    start, *grads = ([rng.standard_normal(n).astype(dtype) for n in (5, 300)] for _ in range(4))

    def call():
        params = [p.copy() for p in start]
        optimizer = row.cls(params, **options)
        for grad in grads:
            optimizer.step(grad, scale=3.0, clip_norm=0.7)
        state = optimizer.state_dict()
        return [p.tobytes() for p in params], {name: array.tobytes() for name, array in state.items()}

    return call


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", OPTIMIZERS, ids=str)
def test_steps(row, dtype, setting):
    same_bits(setting, steps_of(row, dtype, decoupled_weight_decay=True))
    if dtype is np.float32:
        same_bits(setting, steps_of(row, dtype, decoupled_weight_decay=False, lr=nf.schedules.one_cycle(0.1, 7)))


def test_step_functions(setting):
    arrays = [np.linspace(0.1, 1, 50, dtype=np.float32) ** k for k in (1, 2, 3, 4)]

    def call():
        p, g, m, v = (array.copy() for array in arrays)
        common = {"step": 3, "lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True}
        nf.adam_step(p, g, m, v, **common)
        product = nf.nadam_step(p, g, m, v, 0.7, **common)
        return p.tobytes(), m.tobytes(), v.tobytes(), product

    same_bits(setting, call)


def test_rows(setting):
    start, grads = np.linspace(0.1, 1, 60).reshape(20, 3), np.linspace(0.1, 1, 9).reshape(3, 3)

    def call():
        table = start.copy()
        optimizer = nf.Adam([table], lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)
        for _ in range(3):
            optimizer.step_rows(0, np.array([1, 5, 1]), grads, scale=3.0)
        return table.tobytes()

    same_bits(setting, call)


@pytest.mark.parametrize("magnitude", [1e-300, 1e-160, 1.0, 1e200])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_norms_and_clipping(dtype, magnitude, setting):
    unit = np.random.default_rng(0).standard_normal(10_000)
    size = magnitude if dtype is np.float64 else 1.0
    numbers, limit = unit * size, np.linalg.norm(unit) * size / 3
    copies = [[part.astype(dtype) for part in np.split(numbers, 10)] for _ in range(2)]

    def call():
        arrays = copies.pop()
        return nf.global_norm(arrays), nf.clip_by_global_norm(arrays, limit), [array.tobytes() for array in arrays]

    same_bits(setting, call)


def test_schedules(setting):
    schedules = [
        nf.schedules.cosine(0.1, 77, final=0.03),
        nf.schedules.exponential(0.1, 0.97),
        nf.schedules.warm_up(0.3, 70, 0.01),
        nf.schedules.one_cycle(0.1, 77),
    ]
    same_bits(setting, lambda: [schedule(taken) for schedule in schedules for taken in range(100)])
