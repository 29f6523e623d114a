"""Half-type parameters: float32 states, master copies, rounding at random."""

import numpy as np
import pytest

import npfuse as nf
from table import OPTIMIZERS

ml_dtypes = pytest.importorskip("ml_dtypes")
bfloat16 = np.dtype(ml_dtypes.bfloat16)

row_by_row = pytest.mark.parametrize("row", OPTIMIZERS, ids=str)
every_half = pytest.mark.parametrize("dtype", [np.dtype(np.float16), bfloat16], ids=str)


@row_by_row
@every_half
@pytest.mark.parametrize("fortran", [False, True])
def test_master_copy_follows_float32(row, dtype, fortran):
    rng = np.random.default_rng(0)
    p = rng.standard_normal((50, 61)).astype(dtype)
    wide = p.astype(np.float32)
    p = np.asfortranarray(p) if fortran else p
    ours, reference = row.cls([p], master_weights=True, **row.options), row.cls([wide], **row.options)
    for _ in range(5):
        g = rng.standard_normal(p.shape).astype(dtype)
        ours.step([g])
        reference.step([g.astype(np.float32)])
    assert (ours.state[0]["master"] == wide).all()
    assert (p == wide.astype(dtype)).all()


def test_only_half_types_have_a_master_copy():
    optimizer = nf.Adam([np.zeros(3, np.float16), np.zeros(3, np.float32)], master_weights=True)
    assert list(optimizer.state[0]) == ["exp_avg", "exp_avg_sq", "master"]
    assert list(optimizer.state[1]) == ["exp_avg", "exp_avg_sq"]


def test_small_steps_add_up_in_the_master_copy():
    p = np.ones(4, np.float16)
    optimizer = nf.SGD([p], lr=1e-5, master_weights=True)
    for _ in range(1000):
        optimizer.step([np.ones(4, np.float16)])
    np.testing.assert_allclose(p, 0.99, rtol=1e-3)


def philox(counter, key):
    """Philox4x32 with 10 rounds on Python's integers."""
    a, b, c, d = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        x, y = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (y >> 32) ^ b ^ k0, y & 0xFFFFFFFF, (x >> 32) ^ d ^ k1, x & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


def random_bits(n, seed, array, step):
    """Sixteen bits for each element: 128 calls for each 1,024 elements, each of which gives bits to 8 of them."""
    bits = np.zeros((-(-n // 1024), 8, 128), np.uint32)
    for number in range(bits.shape[0] * 128):
        words = philox((number & 0xFFFFFFFF, number >> 32, array, step), seed)
        bits[number // 128, :, number % 128] = [half for word in words for half in (word & 0xFFFF, word >> 16)]
    return bits.ravel()[:n]


def test_the_generator_is_philox():
    """The known answers of its authors."""
    assert philox((0, 0, 0, 0), 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    ones = 0xFFFFFFFF
    assert philox((ones,) * 4, 2**64 - 1) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


@pytest.mark.parametrize("n", [5, 1024, 5000])
def test_rounding_at_random_is_what_it_says(n):
    rng = np.random.default_rng(0)
    p = rng.standard_normal(n).astype(bfloat16)
    g = rng.standard_normal(n).astype(np.float32)
    wide = p.astype(np.float32)
    other = np.zeros(3, bfloat16)
    nf.SGD([wide], lr=0.01).step([g])
    nf.SGD([other, p], lr=0.01, stochastic_rounding=True, seed=2**40 + 7).step([np.zeros(3, np.float32), g])
    expected = (wide.view(np.uint32) + random_bits(n, 2**40 + 7, array=1, step=1)) >> 16
    assert (p.view(np.uint16) == expected).all()


def test_rounding_at_random_keeps_the_mean():
    p = np.ones(100_000, bfloat16)
    optimizer = nf.SGD([p], lr=1e-4, stochastic_rounding=True)
    for _ in range(100):
        optimizer.step([np.ones(100_000, np.float32)])
    assert p.astype(np.float64).mean() == pytest.approx(0.99, abs=1e-4)
    assert (p == np.ones(1, bfloat16)).any()


@pytest.mark.parametrize(
    "make", [lambda p: p, lambda p: np.repeat(p, 2)[::2], lambda p: p.astype(p.dtype.newbyteorder())]
)
def test_rounding_depends_on_neither_threads_nor_layout(make):
    rng = np.random.default_rng(1)
    shapes = [3, 70_001, 1, 100_000]
    params = [rng.standard_normal(n).astype(bfloat16) for n in shapes]
    grads = [rng.standard_normal(n).astype(np.float32) for n in shapes]
    results = set()
    before = nf.get_num_threads()
    for threads in (1, 2, 7):
        nf.set_num_threads(threads)
        mine = [make(p.copy()) for p in params]
        optimizer = nf.Adam(mine, stochastic_rounding=True, seed=3)
        for _ in range(3):
            optimizer.step(grads)
        results.add(b"".join(np.ascontiguousarray(p).astype(bfloat16).tobytes() for p in mine))
    nf.set_num_threads(before)
    assert len(results) == 1


@pytest.mark.parametrize("transpose", [False, True], ids=["reversed rows", "transposed"])
def test_rounding_belongs_to_indices_and_not_to_memory(transpose):
    rng = np.random.default_rng(2)
    start = rng.standard_normal((300, 50)).astype(bfloat16)
    gradient, some_rows = rng.standard_normal((300, 50)).astype(np.float32), rng.integers(0, 300, 40)
    results = []
    for p in (start.copy(), np.asfortranarray(start) if transpose else start[::-1].copy()[::-1]):
        optimizer = nf.Adam([p], stochastic_rounding=True, seed=3)
        optimizer.step([gradient])
        optimizer.step_rows(0, some_rows, gradient[:40])
        results.append(p.astype(np.float32))
    np.testing.assert_array_equal(*results)


def test_seed_and_step_decide_the_rounding():
    start = np.random.default_rng(0).standard_normal(1000).astype(bfloat16)
    results = []
    for seed, steps in ((0, 1), (0, 1), (1, 1), (0, 2)):
        p = start.copy()
        optimizer = nf.SGD([p], lr=1e-3, stochastic_rounding=True, seed=seed)
        for _ in range(steps):
            p[...] = start
            optimizer.step([np.ones(1000, np.float32)])
        results.append(p.tobytes())
    assert results[0] == results[1]
    assert len(set(results)) == 3


def test_what_is_not_finite_stays_so():
    p = np.array([np.inf, -np.inf, np.nan, 1.0], bfloat16)
    optimizer = nf.SGD([p], lr=1.0, stochastic_rounding=True)
    for _ in range(20):
        optimizer.step([np.zeros(4, np.float32)])
    np.testing.assert_array_equal(p.astype(float), [np.inf, -np.inf, np.nan, 1.0])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"stochastic_rounding": True}, ValueError, "for bfloat16 parameters, not for float16"),
        ({"stochastic_rounding": True, "master_weights": True}, ValueError, "without master_weights"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 0.5}, TypeError, "seed must be an integer"),
        ({"master_weights": 1}, TypeError, "master_weights must be True or False"),
        ({"precision": 16}, TypeError, "there is no setting 'precision'"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        nf.SGD([np.zeros(3, np.float16)], **options)


def test_rows_of_half_types():
    rng = np.random.default_rng(2)
    table = rng.standard_normal((20, 5)).astype(bfloat16)
    wide = table.astype(np.float32)
    rows, grads = np.array([3, 5, 3]), rng.standard_normal((3, 5)).astype(np.float32)
    nf.Adagrad([table], master_weights=True).step_rows(0, rows, grads)
    nf.Adagrad([wide]).step_rows(0, rows, grads)
    assert (table == wide.astype(bfloat16)).all()
