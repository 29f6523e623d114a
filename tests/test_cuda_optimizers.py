"""Optimizers, norms and clipping on a GPU have the CPU's bits, whatever the arrays, groups and options."""

import ml_dtypes
import numpy as np
import pytest

import npfuse as nf
from gpu import DTYPES, Device, Foreign, assert_same_bits
from npfuse import cuda
from table import OPTIMIZERS, OptimizerRow

SHAPES = [(), (1,), (1023,), (1024,), (3, 1025), (0, 4), (5000,)]


def numbers(dtype: type, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [np.asarray(random.normal(size=shape)).astype(dtype) for shape in SHAPES]


def train(cls: type, options: dict, params: list, dtypes: list, steps: int = 3, **how: object) -> nf.Optimizer:
    """Take some steps, on the CPU or on the GPU: as the class has it."""
    on_gpu = cls.__module__ == "npfuse.cuda"
    taken = [cuda.asarray(param) for param in params] if on_gpu else [param.copy() for param in params]
    optimizer = cls(taken, **options)
    for step in range(steps):
        grads = [numbers(dtype, 10 * step + 1)[i % len(SHAPES)] for i, dtype in enumerate(dtypes)]
        optimizer.step([cuda.asarray(grad) for grad in grads] if on_gpu else grads, **how)
    return optimizer


def assert_same_optimizer(actual: nf.Optimizer, expected: nf.Optimizer) -> None:
    for param, wanted in zip(actual.params, expected.params, strict=True):
        assert_same_bits(param.get(), wanted)
    saved = actual.state_dict()
    for name, wanted in expected.state_dict().items():
        assert_same_bits(saved[name], wanted) if wanted.dtype.kind == "f" else np.testing.assert_equal(
            saved[name], wanted
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", OPTIMIZERS, ids=str)
def test_steps_have_the_cpus_bits(device: Device, row: OptimizerRow, dtype: type) -> None:
    params = numbers(dtype, 0)
    runs = [
        train(cls, dict(row.options), params, [dtype] * len(params))
        for cls in (getattr(cuda, row.cls.__name__), row.cls)
    ]
    assert_same_optimizer(*runs)


@pytest.mark.parametrize("how", [{"scale": 1024.0}, {"clip_norm": 0.5}, {"scale": 8.0, "clip_norm": 1e-3}])
def test_scaling_and_clipping(device: Device, how: dict) -> None:
    params = numbers(np.float32, 0)
    assert_same_optimizer(*(train(cls, {}, params, [np.float32] * 7, **how) for cls in (cuda.Adam, nf.Adam)))


def test_a_gradient_that_is_not_finite_changes_nothing(device: Device) -> None:
    param = cuda.asarray(np.ones(5, np.float32))
    optimizer = cuda.SGD([param])
    assert optimizer.step([cuda.asarray(np.full(5, np.inf, np.float32))], scale=2.0) is False
    np.testing.assert_array_equal(param.get(), 1)


def test_all_dtypes_and_groups_in_one_optimizer(device: Device) -> None:
    params = [numbers(dtype, i)[3 + i % 2] for i, dtype in enumerate(DTYPES * 2)]
    for cls in (cuda, nf):
        taken = [cuda.asarray(param) if cls is cuda else param for param in params]
        optimizer = cls.AdamW(taken[:3], lr=0.1)
        optimizer.add_group(taken[3:], lr=0.01, weight_decay=0.5)
        grads = [numbers(np.float64, 5)[3 + i % 2] for i in range(len(params))]
        optimizer.step([cuda.asarray(grad) if cls is cuda else grad for grad in grads])
        if cls is cuda:
            on_gpu = optimizer
    assert_same_optimizer(on_gpu, optimizer)


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_master_weights(device: Device, dtype: type) -> None:
    params = numbers(dtype, 0)
    options = {"lr": 1e-4, "master_weights": True}
    assert_same_optimizer(*(train(cls, options, params, [dtype] * 7) for cls in (cuda.Adam, nf.Adam)))


def test_stochastic_rounding(device: Device) -> None:
    dtype = ml_dtypes.bfloat16
    params = numbers(dtype, 0)
    options = {"lr": 1e-4, "stochastic_rounding": True, "seed": 5}
    assert_same_optimizer(*(train(cls, options, params, [dtype] * 7) for cls in (cuda.Adam, nf.Adam)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows(device: Device, dtype: type) -> None:
    random = np.random.default_rng(2)
    table, grads = (random.normal(size=(n, 3, 5)).astype(dtype) for n in (50, 20))
    rows = random.integers(0, 9, size=20)
    on_gpu, on_cpu = cuda.Adagrad([cuda.asarray(table)]), nf.Adagrad([table])
    for _ in range(2):
        assert on_gpu.step_rows(0, rows, cuda.asarray(grads), scale=4.0)
        assert on_cpu.step_rows(0, rows, grads, scale=4.0)
    assert_same_optimizer(on_gpu, on_cpu)


def test_state_is_loaded(device: Device) -> None:
    params = numbers(np.float32, 0)
    saved = train(nf.Adam, {}, params, [np.float32] * 7)
    loaded = cuda.Adam([cuda.asarray(param) for param in saved.params])
    loaded.load_state_dict(saved.state_dict())
    assert_same_optimizer(loaded, saved)


@pytest.mark.parametrize(
    ("name", "states", "options"),
    [
        ("sgd_step", 0, {"lr": 0.1, "weight_decay": 0.1}),
        ("sgd_step", 1, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
        ("adagrad_step", 1, {"lr": 0.1}),
        ("adadelta_step", 2, {"maximize": True}),
        ("rmsprop_step", 1, {"lr": 0.01}),
        ("adam_step", 2, {"decoupled_weight_decay": True, "weight_decay": 0.1}),
        ("adam_step", 3, {"betas": (0.8, 0.9)}),
        ("adamax_step", 2, {}),
        ("nadam_step", 2, {}),
        ("radam_step", 2, {}),
        ("yogi_step", 2, {}),
        ("adabelief_step", 2, {}),
        ("lion_step", 1, {}),
    ],
)
def test_step_functions(device: Device, name: str, states: int, options: dict) -> None:
    random = np.random.default_rng(7)
    for dtype in DTYPES:
        wide = np.float64 if dtype is np.float64 else np.float32
        arrays = [random.normal(size=(40, 30)).astype(dtype) for _ in "pg"]
        arrays += [np.square(random.normal(size=(40, 30))).astype(wide) for _ in range(states)]
        on_gpu = [cuda.asarray(array) for array in arrays]
        for step in (1, 2):
            returned = getattr(cuda, name)(*on_gpu, step=step, stream=0, **options)
            assert returned == getattr(nf, name)(*arrays, step=step, **options)
        for actual, expected in zip(on_gpu, arrays, strict=True):
            assert_same_bits(actual.get(), expected)


def test_what_step_functions_refuse(device: Device) -> None:
    param, grad, first, second = (cuda.asarray(np.ones((2, 3), np.float32)) for _ in range(4))
    small, half = cuda.asarray(np.ones(3, np.float32)), cuda.asarray(np.ones((2, 3), np.float16))
    step = {"step": 1}
    with pytest.raises(TypeError, match="exp_avg_sq must be float32, got float16"):
        cuda.adam_step(param, grad, first, half, **step)
    with pytest.raises(ValueError, match="exp_avg must be of its parameter's shape"):
        cuda.adam_step(param, grad, small, second, **step)
    with pytest.raises(ValueError, match="grad must be of its parameter's shape"):
        cuda.adam_step(param, small, first, second, **step)
    with pytest.raises(ValueError, match="exp_avg_sq shares memory with exp_avg"):
        cuda.adam_step(param, grad, first, first, **step)
    with pytest.raises(ValueError, match="grad shares memory with exp_avg"):
        cuda.adam_step(param, first, first, second, **step)
    with pytest.raises(ValueError, match="step must be at least 1"):
        cuda.adam_step(param, grad, first, second, step=0)
    with pytest.raises(TypeError, match="param is in the CPU's memory"):
        cuda.adam_step(np.ones((2, 3), np.float32), grad, first, second, **step)
    for array in (param, grad, first, second):
        np.testing.assert_array_equal(array.get(), 1)
    nf.sgd_step(np.ones(3), np.ones(3), step=1, lr=0.1)  # the CPU's are the CPU's again


@pytest.mark.parametrize("dtype", DTYPES)
def test_global_norm(device: Device, dtype: type) -> None:
    arrays = [*numbers(dtype, 3), np.random.default_rng(1).normal(size=70_000).astype(dtype)]
    assert cuda.global_norm([cuda.asarray(array) for array in arrays]) == nf.global_norm(arrays)


def test_norms_neither_overflow_nor_vanish(device: Device) -> None:
    for size in (1e200, 1e-200):
        arrays = [np.full(9, size), np.ones(3, np.float32) * np.float32(1e-3 if size < 1 else 1)]
        assert cuda.global_norm(list(map(cuda.asarray, arrays))) == nf.global_norm(arrays)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_clipping_in_place(device: Device, dtype: type) -> None:
    arrays = numbers(dtype, 3)
    on_gpu = [cuda.asarray(array) for array in arrays]
    assert cuda.clip_by_global_norm(on_gpu, 0.3) == nf.clip_by_global_norm(arrays, 0.3)
    for actual, expected in zip(on_gpu, arrays, strict=True):
        assert_same_bits(actual.get(), expected)


def test_a_thousand_arrays_take_one_launch(device: Device) -> None:
    random = np.random.default_rng(0)
    params = [random.normal(size=size).astype(np.float32) for size in random.integers(1, 2000, size=1000)]
    on_gpu, on_cpu = cuda.Adam([cuda.asarray(param) for param in params]), nf.Adam(params)
    grads = [cuda.asarray(param) for param in params]
    before = device.module.launch_count()
    on_gpu.step(grads)
    assert device.module.launch_count() == before + 1
    on_cpu.step([param.copy() for param in params])
    assert_same_optimizer(on_gpu, on_cpu)


def test_tables_are_sent_again_only_where_they_changed(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = cuda.SGD([cuda.asarray(np.ones(5000, np.float32))])
    grads = [cuda.asarray(np.ones(5000, np.float32)) for _ in range(2)]
    optimizer.step(grads[:1])
    sent: list[tuple] = []
    send = device.module.copy_in
    monkeypatch.setattr(device.module, "copy_in", lambda *args: (sent.append(args), send(*args)))
    optimizer.step(grads[:1])
    assert not sent
    optimizer.step(grads[1:])
    assert len(sent) == 1
    np.testing.assert_array_equal(optimizer.params[0].get(), nf_steps(3))


def nf_steps(count: int) -> np.ndarray:
    param = np.ones(5000, np.float32)
    optimizer = nf.SGD([param])
    for _ in range(count):
        optimizer.step([np.ones(5000, np.float32)])
    return param


def test_gradients_may_have_any_layout(device: Device) -> None:
    grad = np.random.default_rng(1).normal(size=(30, 40)).astype(np.float32)
    on_gpu, on_cpu = cuda.asarray(np.ones((40, 15), np.float32)), np.ones((40, 15), np.float32)
    cuda.SGD([on_gpu], lr=0.1).step([Foreign(cuda.asarray(grad), grad, grad[::2].T)])
    nf.SGD([on_cpu], lr=0.1).step([grad[::2].T])
    assert_same_bits(on_gpu.get(), on_cpu)


def test_gradients_may_be_others_in_the_next_step(device: Device) -> None:
    """Another array, another dtype, and a foreign one that comes to lie elsewhere."""
    random = np.random.default_rng(3)
    table = random.normal(size=(2, 5)).astype(np.float32)
    on_gpu, on_cpu = cuda.asarray(np.ones(5, np.float32)), np.ones(5, np.float32)
    there = cuda.asarray(table)
    foreign = Foreign(there, table, table[0])
    optimizers = cuda.Adam([on_gpu]), nf.Adam([on_cpu])

    def step(grad: object, same: np.ndarray) -> None:
        optimizers[0].step([grad])
        optimizers[1].step([same])
        assert_same_bits(on_gpu.get(), on_cpu)

    for dtype in DTYPES:
        grad = random.normal(size=5).astype(dtype)
        step(cuda.asarray(grad), grad)
    step(foreign, table[0])
    foreign.interface = Foreign(there, table, table[1]).interface
    step(foreign, table[1])
    foreign.interface = Foreign(there, table, table[1, ::-1]).interface
    step(foreign, table[1, ::-1])


def test_what_is_wrong_only_in_the_second_step_is_refused(device: Device) -> None:
    numbers = np.ones((2, 3), np.float32)
    param, grad = cuda.asarray(numbers), cuda.asarray(numbers)
    foreign = Foreign(grad, numbers, numbers)
    optimizer = cuda.Adam([param])
    optimizer.step([foreign])
    before = param.get()
    foreign.interface = {**foreign.interface, "shape": (3, 2), "strides": None}
    with pytest.raises(ValueError, match=r"grads\[0\] must be of its parameter's shape"):
        optimizer.step([foreign])
    foreign.interface = {**foreign.interface, "shape": (2, 3), "typestr": "<i4"}
    with pytest.raises(TypeError, match=r"grads\[0\] must be of float16, .* got int32"):
        optimizer.step([foreign])
    foreign.interface = Foreign(param, numbers, numbers).interface
    with pytest.raises(ValueError, match=r"grads\[0\] shares memory with params\[0\]"):
        optimizer.step([foreign])
    with pytest.raises(ValueError, match=r"grads\[0\] shares memory with a state of params\[0\]"):
        optimizer.step([optimizer.state[0]["exp_avg"]])
    assert_same_bits(param.get(), before)


def test_groups_may_be_added_between_steps(device: Device) -> None:
    params = [np.ones(n, dtype) for n, dtype in ((3000, np.float32), (5, np.float64), (2000, np.float32))]
    optimizers = cuda.SGD([cuda.asarray(params[0])], lr=0.1), nf.SGD(params[:1], lr=0.1)
    for count in (1, 2, 3):
        for optimizer, put in zip(optimizers, (cuda.asarray, np.array), strict=True):
            if count > 1:
                optimizer.add_group([put(params[count - 1]) if put is cuda.asarray else params[count - 1]], lr=0.01)
            optimizer.step([put(np.ones(param.shape, np.float32)) for param in params[:count]])
    assert_same_optimizer(*optimizers)


def test_all_arrays_are_on_one_gpu(device: Device) -> None:
    if device.kind == "gpu":
        pytest.skip("the second GPU is made up")
    ones = np.ones(3, np.float32)
    elsewhere = cuda.Array.empty((3,), "float32", 1, 0)
    with pytest.raises(ValueError, match=r"params\[1\] is on GPU 1, but the arrays before it are on GPU 0"):
        cuda.SGD([cuda.asarray(ones), elsewhere])
    optimizer = cuda.SGD([cuda.asarray(ones)])
    with pytest.raises(ValueError, match=r"grads\[0\] is on GPU 1, but the arrays before it are on GPU 0"):
        optimizer.step([elsewhere])


@pytest.mark.parametrize(("first", "second"), [(np.s_[:4], np.s_[3:]), (np.s_[3:], np.s_[:4]), (np.s_[:], np.s_[2:3])])
def test_parameters_that_share_some_memory_are_refused(device: Device, first: slice, second: slice) -> None:
    numbers = np.ones(6, np.float32)
    there = cuda.asarray(numbers)
    params = [Foreign(there, numbers, numbers[part]) for part in (first, second)]
    with pytest.raises(ValueError, match=r"params\[1\] shares memory with params\[0\]"):
        cuda.SGD(params)


def test_an_empty_array_hides_no_overlap(device: Device) -> None:
    numbers = np.ones(6, np.float32)
    there = cuda.asarray(numbers)
    parts = [Foreign(there, numbers, numbers[part]) for part in (np.s_[:4], np.s_[1:1], np.s_[2:])]
    with pytest.raises(ValueError, match=r"arrays\[2\] shares memory with arrays\[0\]"):
        cuda.clip_by_global_norm(parts, 1.0)


def test_refusals_change_nothing(device: Device) -> None:
    param = cuda.asarray(np.ones((2, 3), np.float32))
    optimizer = cuda.Adam([param])
    with pytest.raises(ValueError, match=r"grads\[0\] must be of its parameter's shape"):
        optimizer.step([cuda.asarray(np.ones((3, 2), np.float32))])
    with pytest.raises(ValueError, match=r"grads\[0\] shares memory with params\[0\]"):
        optimizer.step([param])
    with pytest.raises(ValueError, match="one array for each of the 1"):
        optimizer.step([])
    with pytest.raises(TypeError, match=r"grads\[0\] is in the CPU's memory"):
        optimizer.step([np.ones((2, 3), np.float32)])
    with pytest.raises(ValueError, match=r"params\[1\] shares memory with params\[0\]"):
        cuda.SGD([param, param])
    np.testing.assert_array_equal(param.get(), 1)
