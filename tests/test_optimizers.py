"""Every optimizer against npfuse.reference, and what may happen to its arrays."""

import contextlib
import os
import subprocess
import sys
import warnings
from itertools import product

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import npfuse as nf
from npfuse import _native
from npfuse.reference import take_step
from table import OPTIMIZERS

STEP = 7  # of the states that a single step starts from

row_by_row = pytest.mark.parametrize("row", OPTIMIZERS, ids=str)


def make(row, params, **more):
    return row.cls(params, **{**row.options, **more})


def all_bytes(optimizer):
    """Everything that a step may change."""
    arrays = [*optimizer.params, *(array for state in optimizer.state for array in state.values())]
    return [array.tobytes() for array in arrays], [group.steps for group in optimizer.groups]


def plausible_states(optimizer, rng):
    """Fill the states with what they could hold after some steps; the signs of averages are any."""
    for _ in range(STEP - 1):
        optimizer.step([np.zeros_like(param) for param in optimizer.params])
    for state in optimizer.state:
        for name, array in state.items():
            values = rng.standard_normal(array.shape)
            array[...] = values if name in SIGNED_STATES else values**2
        if "grad_avg" in state:  # no variance is negative
            state["square_avg"] += state["grad_avg"] ** 2


SIGNED_STATES = {"momentum_buffer", "exp_avg", "grad_avg"}


def spread(rng, n):
    """Numbers of all magnitudes that training meets, a few zeros among them."""
    return (rng.standard_normal(n) * 10.0 ** rng.uniform(-6, 2, n) * (rng.random(n) > 0.01)).astype(np.float32)


def ulp(x):
    return np.spacing(np.abs(x).astype(np.float32))


@row_by_row
def test_one_step_is_accurate(row):
    """1 ULP of the parameter and 4 of the update, even where moving averages cancel."""
    rng = np.random.default_rng(3)
    n = 200_000
    p, g = np.zeros(n, np.float32), spread(rng, n)
    optimizer = make(row, [p])
    plausible_states(optimizer, rng)
    p[...] = spread(rng, n)
    before = p.astype(np.float64)
    state = {name: array.astype(np.float64) for name, array in optimizer.state[0].items()}
    expected = take_step(row.reference, before, g.astype(np.float64), state, STEP, row.settings)
    optimizer.step([g])
    allowed = ulp(expected) + 4 * ulp(expected - before)
    assert (np.abs(p - expected) / allowed).max() <= 1
    for name, array in optimizer.state[0].items():
        np.testing.assert_array_max_ulp(array, state[name].astype(np.float32), 4)


@row_by_row
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ten_steps_follow_the_reference(row, dtype):
    rng = np.random.default_rng(4)
    p = rng.standard_normal(1000).astype(dtype)
    optimizer = make(row, [p])
    expected = p.astype(np.float64)
    state = {name: array.astype(np.float64) for name, array in optimizer.state[0].items()}
    for step in range(1, 11):
        g = rng.standard_normal(1000).astype(dtype)
        optimizer.step([g])
        expected = take_step(row.reference, expected, g.astype(np.float64), state, step, row.settings)
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(p, expected, rtol=tolerance, atol=tolerance)


def layouts(rng, shape, dtype):
    """The same numbers in every way that memory can hold them."""
    values = rng.standard_normal(shape).astype(dtype)
    padded = np.zeros([2 * n + 1 for n in shape], dtype)
    yield "C", values.copy()
    yield "F", np.asfortranarray(values)
    view = padded[tuple(slice(1, None, 2) for _ in shape)]
    view[...] = values
    yield "every other", view
    yield "backwards", values[::-1].copy()[::-1]
    unaligned = np.zeros(values.nbytes + 1, np.uint8)[1:].view(dtype).reshape(shape)
    unaligned[...] = values
    yield "unaligned", unaligned
    yield "byte-swapped", values.astype(values.dtype.newbyteorder())
    yield "transposed", values.swapaxes(0, -1).copy().swapaxes(0, -1)


@row_by_row
@pytest.mark.parametrize("shape", [(7, 5, 33), (3, 2000)])
def test_layout_changes_no_bit(row, shape):
    results = []
    for _, p in layouts(np.random.default_rng(6), shape, np.float32):
        for _, g in layouts(np.random.default_rng(7), shape, np.float32):
            mine = p.copy() if p.base is None else p
            start = mine.copy()
            optimizer = make(row, [mine])
            optimizer.step([g])
            optimizer.step([g])
            results.append(np.ascontiguousarray(mine, np.float32).tobytes())
            mine[...] = start
    assert len(set(results)) == 1


@row_by_row
def test_position_and_threads_change_no_bit(row):
    rng = np.random.default_rng(8)
    sizes = [1, 0, 100_000, 3, 70_000, 17, *range(64)]
    params = [rng.standard_normal(n).astype(np.float32) for n in sizes]
    grads = [rng.standard_normal(n).astype(np.float32) for n in sizes]
    results = []
    before = nf.get_num_threads()
    try:
        for threads in (1, 2, 3, 7):
            nf.set_num_threads(threads)
            mine = [p.copy() for p in params]
            optimizer = make(row, mine)
            for _ in range(3):
                optimizer.step(grads)
            results.append(b"".join(all_bytes(optimizer)[0]))
        alone = [p.copy() for p in params]
        for p, g in zip(alone, grads, strict=True):
            optimizer = make(row, [p])
            for _ in range(3):
                optimizer.step([g])
        assert [p.tobytes() for p in alone] == [p.tobytes() for p in mine]
    finally:
        nf.set_num_threads(before)
    assert len(set(results)) == 1


@row_by_row
def test_the_place_in_a_cache_line_changes_no_bit(row):
    """Long arrays begin with what lies before the first whole line; states lie in their lines as the parameter does."""
    rng = np.random.default_rng(9)
    start, grad = (rng.standard_normal(4200).astype(np.float32) for _ in range(2))
    results = set()
    for offset in range(16):
        p = np.concatenate([np.zeros(offset, np.float32), start])[offset:]
        optimizer = make(row, [p])
        for _ in range(3):
            optimizer.step([grad])
        results.add(b"".join(all_bytes(optimizer)[0]))
        for array in optimizer.state[0].values():
            assert (array.ctypes.data - p.ctypes.data) % 64 == 0
    assert len(results) == 1


@row_by_row
def test_dtypes_mix(row):
    types = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]
    for dtype, grad_dtype in product(types, types):
        rng = np.random.default_rng(9)
        p = rng.standard_normal(2500).astype(dtype)
        g = rng.standard_normal(2500).astype(grad_dtype)
        computing = np.float64 if dtype == np.float64 else np.float32
        wide, wide_g = p.astype(computing), g.astype(computing)
        make(row, [p]).step([g])
        make(row, [wide]).step([wide_g])
        assert p.tobytes() == wide.astype(dtype).tobytes(), f"{p.dtype} and {g.dtype}"


def test_state_is_float32_for_half_types():
    optimizer = nf.Adam([np.zeros(3, np.float16)])
    assert {array.dtype for array in optimizer.state[0].values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3)])
def test_small_shapes(shape):
    p = np.ones(shape, np.float32)
    nf.SGD([p], lr=0.5).step([np.ones(shape, np.float32)])
    assert (p == 0.5).all()


def test_no_parameters_at_all():
    nf.Adam([]).step([])


@row_by_row
def test_infinities_and_nan_go_where_arithmetic_takes_them(row):
    rng = np.random.default_rng(11)
    p = rng.standard_normal(40).astype(np.float32)
    p[35:38] = np.inf, -np.inf, np.nan
    optimizer = make(row, [p])
    expected = p.astype(np.float64)
    state = {name: array.astype(np.float64) for name, array in optimizer.state[0].items()}
    for step in range(1, 4):
        g = rng.standard_normal(40).astype(np.float32)
        if step == 1:
            g[[3, 17, 20]] = np.nan, np.inf, -np.inf
        with np.errstate(all="raise"):
            optimizer.step([g])
        with np.errstate(all="ignore"):
            expected = take_step(row.reference, expected, g.astype(np.float64), state, step, row.settings)
    np.testing.assert_allclose(p, expected, rtol=1e-5, atol=1e-6)
    for name, array in optimizer.state[0].items():
        finite = np.isfinite(array)
        assert (finite == np.isfinite(state[name])).all(), name
        np.testing.assert_allclose(array[finite], state[name][finite], rtol=1e-5, atol=1e-6, err_msg=name)


# A change to the gradients, and what a step must answer.
BAD_GRADIENTS = {
    "too few": (lambda p, g: g[:-1], ValueError, "grads must hold one array for each of the 3 parameters, got 2"),
    "too many": (lambda p, g: [*g, g[0]], ValueError, "grads must hold .* got 4"),
    "one array": (lambda p, g: g[0], TypeError, "grads must be a list or tuple of arrays, got numpy.ndarray"),
    "a shape": (lambda p, g: [g[0], g[1], g[1]], ValueError, r"grads\[2\] must be of its parameter's shape \(5,\)"),
    "integers": (lambda p, g: [*g[:2], np.ones(5, int)], TypeError, r"grads\[2\] must be of .* got int64"),
    "complex": (lambda p, g: [*g[:2], np.ones(5, complex)], TypeError, r"grads\[2\] must be of .* got complex128"),
    "objects": (lambda p, g: [*g[:2], np.ones(5, object)], TypeError, r"grads\[2\] must be of .* got object"),
    "a list": (lambda p, g: [*g[:2], [1.0] * 5], TypeError, r"grads\[2\] must be a NumPy array, got list"),
    "None": (lambda p, g: [*g[:2], None], TypeError, r"grads\[2\] must be a NumPy array, got NoneType"),
    "overlap": (lambda p, g: [*g[:2], p[0].reshape(-1)[:5]], ValueError, r"grads\[2\] shares memory with params\[0\]"),
    "shifted": (lambda p, g: [*g[:2], p[2][::-1]], ValueError, r"grads\[2\] shares memory with params\[2\]"),
}


@row_by_row
def test_bad_gradients_change_nothing(row):
    rng = np.random.default_rng(10)
    shapes = [(3, 4), (2,), (5,)]
    params = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    grads = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    optimizer = make(row, params)
    optimizer.step(grads)
    before = all_bytes(optimizer)
    for change, error, message in BAD_GRADIENTS.values():
        with pytest.raises(error, match=message):
            optimizer.step(change(params, grads))
        assert all_bytes(optimizer) == before, message


def test_gradient_that_shares_memory_with_a_state_is_refused():
    optimizer = nf.Adam([np.ones(4, np.float32), np.ones(4, np.float32)])
    with pytest.raises(ValueError, match=r"grads\[1\] shares memory with exp_avg_sq of params\[0\]"):
        optimizer.step([np.ones(4, np.float32), optimizer.state[0]["exp_avg_sq"]])


def test_a_gradient_is_no_parameter():
    p = np.full((5, 2), 2.0, np.float32)
    optimizer = nf.SGD([p], lr=0.25)
    for refused in (
        lambda: optimizer.step([p]),
        lambda: optimizer.step([p.view()]),
        lambda: optimizer.step_rows(0, np.arange(5), p),
    ):
        with pytest.raises(ValueError, match=r"shares memory with params\[0\]"):
            refused()
    with pytest.raises(ValueError, match="grad shares memory with param"):
        nf.sgd_step(p, p, step=1, lr=0.25)
    assert (p == 2).all()
    assert optimizer.groups[0].steps == 0


def test_a_gradient_that_became_a_parameter_is_refused():
    p, g = np.zeros(4), np.ones(4)
    optimizer = nf.SGD([p], lr=1.0)
    optimizer.step([g])
    optimizer.add_group([g], lr=1.0)
    with pytest.raises(ValueError, match=r"grads\[0\] shares memory with params\[1\]"):
        optimizer.step([g, np.ones(4)])
    assert (p == -1).all()
    assert (g == 1).all()


def test_slices_of_one_array_are_parameters_of_their_own():
    fused = np.ones((4, 9))
    parts = [fused[:, :3], fused[:, 3:6], fused[:, 6:]]
    nf.SGD(parts, lr=1.0).step([np.full((4, 3), i) for i in (1.0, 2.0, 3.0)])
    assert (fused == [[0] * 3 + [-1] * 3 + [-2] * 3] * 4).all()


def test_overlap_that_is_hard_to_find_takes_no_time():
    """NumPy's exact answer would take for ever."""
    memory = np.zeros(10**6, np.uint8)
    strides = [(8 * 191 * k) for k in (1, 7, 11, 13, 17, 19)]
    a = as_strided(memory.view(np.float64), (2, 3, 2, 3, 2, 3), strides)
    b = as_strided(memory[4:].view(np.uint8)[: 8 * 10**5 // 8 * 8].view(np.float64), (3, 2, 3, 2, 3, 2), strides[::-1])
    with contextlib.suppress(ValueError):
        nf.SGD([a, b])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, "bfloat16"])
def test_scalars_are_gradients_of_parameters_without_dimensions(kind):
    if kind == "bfloat16":
        kind = pytest.importorskip("ml_dtypes").bfloat16
    p, q = np.array(1.0, np.float32), np.ones(2)
    optimizer = nf.SGD([p, q], lr=0.5)
    for scale in (None, 1.0):
        assert optimizer.step([kind(1), np.ones(2)], scale=scale)
    assert p == 0
    nf.sgd_step(p, kind(1), step=1, lr=0.5)
    assert p == -0.5
    assert nf.global_norm([kind(3), np.array([4.0])]) == 5
    for bad in (np.int64(1), np.bool_(True), np.complex128(1)):
        with pytest.raises(TypeError, match=r"grads\[0\] must be of float16, bfloat16, float32 or float64"):
            optimizer.step([bad, np.ones(2)])
    with pytest.raises(ValueError, match=r"grads\[1\] must be of its parameter's shape \(2,\), got \(\)"):
        optimizer.step([kind(1), kind(1)])
    with pytest.raises(TypeError, match=r"grads\[0\] must be a NumPy array, got float"):
        optimizer.step([1.0, np.ones(2)])


def test_training_a_parameter_without_dimensions():
    x, slope = np.linspace(-1, 1, 20), np.array(0.0)
    optimizer = nf.SGD([slope], lr=0.5)
    for _ in range(100):
        optimizer.step([np.sum(nf.mse_loss.grad(slope * x, 3 * x) * x)])
    np.testing.assert_allclose(slope, 3)


MASKED = {
    "parameter": lambda masked, plain: nf.Adam([masked]),
    "gradient": lambda masked, plain: nf.Adam([plain]).step([masked]),
    "gradients of rows": lambda masked, plain: nf.Adam([plain]).step_rows(0, np.arange(3), masked),
    "rows": lambda masked, plain: nf.Adam([plain]).step_rows(0, np.ma.arange(3), np.ones(3)),
    "state": lambda masked, plain: nf.adam_step(plain, np.ones(3), masked, np.zeros(3), step=1),
    "a step function's parameter": lambda masked, plain: nf.sgd_step(masked, np.ones(3), step=1, lr=1.0),
    "a step function's gradient": lambda masked, plain: nf.sgd_step(plain, masked, step=1, lr=1.0),
    "norm": lambda masked, plain: nf.global_norm([masked]),
    "clipping": lambda masked, plain: nf.clip_by_global_norm([plain, masked], 1e-3),
    "minibatches": lambda masked, plain: nf.minibatches([plain, masked], 2),
    "saved state": lambda masked, plain: nf.SGD([plain]).load_state_dict(
        {**nf.SGD([plain]).state_dict(), "sgd.group0.lr": np.ma.array(0.1, mask=True)}
    ),
}


@pytest.mark.parametrize("case", MASKED)
def test_a_mask_is_never_ignored(case):
    plain, masked = np.ones(3), np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    with pytest.raises(TypeError, match=r"without a mask, got|must be an array of integers, got Masked"):
        MASKED[case](masked, plain)
    assert (plain == 1).all()
    assert (masked.data == [1, 2, 3]).all()


def test_other_subclasses_are_arrays(tmp_path):
    on_disk = np.memmap(tmp_path / "numbers", np.float32, "w+", shape=(4,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.matrix(np.zeros((2, 2)))
    for param in (matrix, on_disk):
        optimizer = nf.Adam([param], lr=0.5)
        optimizer.step([np.ones(param.shape)])
        np.testing.assert_allclose(param, -0.5, rtol=1e-6)
        assert type(optimizer.state[0]["exp_avg"]) is np.ndarray
        optimizer.step([param - 1])
        assert nf.global_norm([param]) > 0


def test_a_parameter_whose_dtype_changed_is_refused():
    p = np.ones(3, np.float32)
    optimizer = nf.SGD([p])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        p.dtype = np.int32
    with pytest.raises(ValueError, match=r"params\[0\] was given another"):
        optimizer.step([np.ones(3, np.float32)])


@row_by_row
def test_parameter_that_became_read_only_changes_nothing(row):
    params = [np.ones(3, np.float32), np.ones(3, np.float32)]
    optimizer = make(row, params)
    params[1].setflags(write=False)
    before = all_bytes(optimizer)
    with pytest.raises(ValueError, match=r"params\[1\] must be writeable"):
        optimizer.step([np.ones(3, np.float32)] * 2)
    assert all_bytes(optimizer) == before


def test_parameter_that_changed_shape_is_refused():
    p = np.ones((2, 3), np.float32)
    optimizer = nf.SGD([p])
    p.resize((3, 2), refcheck=False)
    with pytest.raises(ValueError, match=r"params\[0\] was given another shape"):
        optimizer.step([np.ones((3, 2), np.float32)])


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (np.ones((2, 2), np.float32), TypeError, "params must be a list of arrays"),
        ([[1.0]], TypeError, r"params\[0\] must be a NumPy array, got list"),
        ([np.ones(2, np.float32), np.ones(2, int)], TypeError, r"params\[1\] must be of .* got int64"),
        ([np.ones(2, complex)], TypeError, r"params\[0\] must be of .* got complex128"),
        ([np.ones(2, np.longdouble)], TypeError, r"params\[0\] must be of "),
        ([np.frombuffer(bytes(8), np.float32)], ValueError, r"params\[0\] must be writeable"),
        ([as_strided(np.ones(4, np.float32), (3, 2), (4, 4))], ValueError, "share memory with each other"),
    ],
)
def test_bad_parameters(params, error, message):
    with pytest.raises(error, match=message):
        nf.SGD(params)


def test_parameters_that_share_memory():
    p = np.ones(10, np.float32)
    for other in (p, p[::-1], p[9:], p[1:3]):
        with pytest.raises(ValueError, match=r"params\[\d\] shares memory with params\[\d\]"):
            nf.Adam([p, other])


def test_interleaved_parameters_share_nothing():
    p, g = np.ones((4, 6), np.float32), np.ones((4, 3), np.float32)
    nf.SGD([p[:, ::2], p[:, 1::2]], lr=1.0).step([g, 2 * g])
    assert (p == [[0, -1] * 3] * 4).all()


@pytest.mark.parametrize(
    ("cls", "settings", "error", "message"),
    [
        (nf.SGD, {"lr": -1.0}, ValueError, "lr must be at least 0, got -1.0"),
        (nf.SGD, {"lr": "fast"}, TypeError, "lr must be a number, got 'fast'"),
        (nf.SGD, {"lr": np.nan}, ValueError, "lr must be finite"),
        (nf.SGD, {"momentum": -0.1}, ValueError, "momentum must be at least 0"),
        (nf.SGD, {"nesterov": True}, ValueError, "nesterov needs a momentum"),
        (nf.SGD, {"weight_decay": -1}, ValueError, "weight_decay must be at least 0"),
        (nf.SGD, {"maximize": 1}, TypeError, "maximize must be True or False"),
        (nf.Adam, {"betas": (0.9, 1.0)}, ValueError, r"betas\[1\] must be at least 0 and less than 1"),
        (nf.Adam, {"betas": 0.9}, TypeError, "betas must be two numbers"),
        (nf.Adam, {"eps": -1e-8}, ValueError, "eps must be at least 0"),
        (nf.Adam, {"eps_placement": "somewhere"}, ValueError, "eps_placement must be one of outside, inside, hat"),
    ],
)
def test_bad_settings(cls, settings, error, message):
    with pytest.raises(error, match=message):
        cls([np.ones(2, np.float32)], **settings)


@row_by_row
def test_subnormal_states_become_zero(row):
    """They would stay for ever, and slow every step down."""
    p = np.ones(100, np.float32)
    optimizer = make(row, [p])
    for array in optimizer.state[0].values():
        array[...] = 1e-40
    optimizer.step([np.zeros(100, np.float32)])
    if not row.settings["weight_decay"] or row.settings.get("decoupled_weight_decay"):
        for name, array in optimizer.state[0].items():
            assert not ((array != 0) & (np.abs(array) < np.finfo(np.float32).tiny)).any(), name


def test_the_sign_of_a_subnormal_gradient_counts():
    p = np.zeros(3, np.float32)
    nf.Lion([p], lr=0.5, weight_decay=0).step([np.array([1e-40, -1e-40, 0], np.float32)])
    np.testing.assert_array_equal(p, [-0.5, 0.5, 0])


BITS_OF_EVERY_ROW = """
import hashlib
import numpy as np
from table import OPTIMIZERS

digest = hashlib.sha256()
for row in OPTIMIZERS:
    rng = np.random.default_rng(0)
    p = rng.standard_normal(5000).astype(np.float32)
    optimizer = row.cls([p], **row.options)
    for _ in range(3):
        optimizer.step([rng.standard_normal(5000).astype(np.float32)])
    digest.update(p.tobytes())
print(digest.hexdigest())
"""


def test_kernels_of_every_isa_give_the_same_bits():
    isas = [isa for isa in _native.config()["available_isas"] if isa != "x86-64-v2"]  # whose bits are its own
    if len(isas) < 2:
        pytest.skip("this build has kernels of one instruction set with FMA for this CPU")
    digests = {}
    for isa in isas:
        environment = {**os.environ, "NPFUSE_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)}
        digests[isa] = subprocess.check_output([sys.executable, "-c", BITS_OF_EVERY_ROW], env=environment, text=True)
    assert len(set(digests.values())) == 1, digests
