"""Loss scales, clipping by the norm of all gradients, and that norm itself."""

import numpy as np
import pytest

import npfuse as nf

SHAPES = [(3, 4), (50_000,), (), (0,), (7, 5, 33)]


def gradients(seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in SHAPES]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_norm_is_that_of_all_numbers(dtype):
    arrays = gradients(dtype=dtype)
    everything = np.concatenate([array.ravel() for array in arrays]).astype(np.float64)
    assert nf.global_norm(arrays) == pytest.approx(np.linalg.norm(everything), rel=1e-14)


def test_norm_depends_on_neither_layout_nor_threads():
    arrays = gradients()
    others = [np.asfortranarray(array) for array in arrays]
    norms = set()
    before = nf.get_num_threads()
    for threads in (1, 2, 5):
        nf.set_num_threads(threads)
        norms |= {
            nf.global_norm(arrays),
            nf.global_norm(others),
            nf.global_norm([a[::-1][::-1] for a in arrays[:2]] + arrays[2:]),
        }
    nf.set_num_threads(before)
    assert len(norms) == 1


@pytest.mark.parametrize("magnitude", [1e-300, 1e-200, 1e200, 1e300])
def test_norm_of_extreme_doubles(magnitude):
    assert nf.global_norm([np.full(4, magnitude)]) == pytest.approx(2 * magnitude, rel=1e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_norm_of_what_is_not_finite(bad):
    assert not np.isfinite(nf.global_norm([np.ones(100), np.array([1.0, bad])]))


def test_norm_of_nothing():
    assert nf.global_norm([]) == 0
    assert nf.global_norm([np.zeros(3)]) == 0


def test_clip_by_global_norm():
    arrays = gradients()
    norm = nf.global_norm(arrays)
    kept = [array.copy() for array in arrays]
    assert nf.clip_by_global_norm(arrays, 2 * norm) == norm
    assert all((a == b).all() for a, b in zip(arrays, kept, strict=True))
    assert nf.clip_by_global_norm(arrays, norm / 2) == norm
    assert nf.global_norm(arrays) == pytest.approx(norm / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("arrays", "max_norm", "error", "message"),
    [
        ([np.ones(3), np.ones(2, int)], 1.0, TypeError, r"arrays\[1\] must be of"),
        (np.ones(3), 1.0, TypeError, "arrays must be a list"),
        ([np.ones(3)], 0.0, ValueError, "max_norm must be above 0"),
        ([np.ones(3), np.frombuffer(bytes(8))], 1.0, ValueError, r"arrays\[1\] must be writeable"),
        ([np.ones(3)] * 2, 1.0, ValueError, "shares memory"),
    ],
)
def test_bad_arrays_to_clip(arrays, max_norm, error, message):
    with pytest.raises(error, match=message):
        nf.clip_by_global_norm(arrays, max_norm)


@pytest.mark.parametrize("scale", [1024.0, 3.0])
def test_scale_divides_the_gradients(scale):
    params, grads = gradients(1), gradients(2)
    plain, scaled = (nf.SGD([p.copy() for p in params], lr=0.5) for _ in range(2))
    plain.step(grads)
    assert scaled.step([np.asarray(g * np.float32(scale)) for g in grads], scale=scale) is True
    for p, q in zip(plain.params, scaled.params, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("how", [{"scale": 8.0}, {"clip_norm": 1.0}, {"scale": 8.0, "clip_norm": 1.0}])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradient_that_is_not_finite_changes_nothing(how, bad):
    params, grads = gradients(1), gradients(2)
    optimizer = nf.NAdam(params)
    optimizer.step(grads)
    before = [p.tobytes() for p in params], [a.tobytes() for a in optimizer.state_dict().values()]
    grads[4][3, 2, 1] = bad
    assert optimizer.step(grads, **how) is False
    assert ([p.tobytes() for p in params], [a.tobytes() for a in optimizer.state_dict().values()]) == before


@pytest.mark.parametrize("scale", [None, 8.0])
def test_clipping_is_that_of_clip_by_global_norm(scale):
    params, grads = gradients(1), gradients(2)
    kept = [g.copy() for g in grads]
    clipped = [np.asarray(g.astype(np.float64) / (scale or 1.0)) for g in grads]
    nf.clip_by_global_norm(clipped, 0.5)
    ours, theirs = nf.SGD([p.copy() for p in params], lr=1.0), nf.SGD([p.astype(np.float64) for p in params], lr=1.0)
    assert ours.step(grads, scale=scale, clip_norm=0.5)
    theirs.step(clipped)
    for p, q in zip(ours.params, theirs.params, strict=True):
        np.testing.assert_allclose(p, q, rtol=2e-7, atol=1e-8)
    assert all((g == k).all() for g, k in zip(grads, kept, strict=True))


@pytest.mark.parametrize(
    ("how", "message"), [({"scale": 0.0}, "scale must be above 0"), ({"clip_norm": -1}, "clip_norm must")]
)
def test_bad_scale_or_norm(how, message):
    p = np.ones(2)
    with pytest.raises(ValueError, match=message):
        nf.SGD([p]).step([p.copy()], **how)
    assert (p == 1).all()


def exact_product(array, factor):
    """Multiply in long double, which holds more than is needed, and round once."""
    product = array.astype(np.longdouble) * np.longdouble(factor)
    return product.astype(array.dtype.newbyteorder("="))


def test_clipping_to_a_small_norm():
    array = np.full(4000, 6e4, np.float16)
    norm = nf.clip_by_global_norm([array], 0.05)
    assert (array == exact_product(np.full(4000, 6e4, np.float16), 0.05 / norm)).all()
    arrays = [np.full(1000, 6e4, np.float16) for _ in range(1000)]
    nf.clip_by_global_norm(arrays, 1.0)
    assert nf.global_norm(arrays) == pytest.approx(1.0, rel=1e-3)
    bounded = [np.full(1000, 6e4, np.float16)]
    nf.clip_by_global_norm(bounded, 1000.0)
    assert nf.global_norm(bounded) == pytest.approx(1000.0, rel=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_clipping_rounds_once_in_any_layout(dtype):
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    rng = np.random.default_rng(0)
    numbers = (rng.standard_normal((60, 500)) * 10.0 ** rng.uniform(-4, 4, (60, 500))).astype(dtype)
    unaligned = np.zeros(numbers.nbytes + 1, np.uint8)[1:].view(dtype).reshape(numbers.shape)
    unaligned[...] = numbers
    layouts = [
        numbers.copy(),
        np.asfortranarray(numbers),
        np.repeat(numbers, 2, axis=1)[:, ::2],
        numbers[::-1, ::-1].copy()[::-1, ::-1],
        unaligned,
        numbers.astype(numbers.dtype.newbyteorder()),
        np.repeat(numbers.ravel(), 2)[::2],
    ]
    norm = nf.global_norm([numbers])
    limit = norm / 37
    expected = (numbers.astype(np.float64) * (limit / norm)).astype(dtype)
    before = nf.get_num_threads()
    for i, array in enumerate(layouts):
        nf.set_num_threads(1 + i % 3)
        assert nf.clip_by_global_norm([array], limit) == norm
        np.testing.assert_array_equal(array.reshape(numbers.shape).astype(dtype), expected)
    nf.set_num_threads(before)


def test_half_types_are_rounded_once():
    """Products next to a tie, which a float in between would turn into one."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype, digits in ((np.dtype(np.float16), 11), (np.dtype(ml_dtypes.bfloat16), 8)):
        numbers = np.arange(2 ** (digits - 1), 2**digits).astype(dtype)
        for factor in 0.5 + 2.0**-digits + np.array([-(2.0**-30), 0.0, 2.0**-30]):
            array = numbers.copy()
            norm = nf.global_norm([array])
            nf.clip_by_global_norm([array], factor * norm)
            used = factor * norm / norm
            exact = numbers.astype(float) * used  # of at most 53 bits, or next to it
            distance = np.abs(array.astype(float) - exact)
            for neighbour in (np.nextafter(array, dtype.type(0)), np.nextafter(array, dtype.type(np.inf))):
                assert (distance <= np.abs(neighbour.astype(float) - exact)).all()


def test_clipping_raises_nothing_of_its_own():
    arrays = [np.array([1e-300, 1e300]), np.array([6e4, 6e-8], np.float16), np.array([1e38, 1e-45], np.float32)]
    with np.errstate(all="raise"):
        nf.clip_by_global_norm(arrays, 1e-5)
    assert nf.global_norm(arrays) == pytest.approx(1e-5, rel=1e-6)


@pytest.mark.parametrize("bad", [np.float32(1), 1.0, None, [1.0]])
def test_only_arrays_are_clipped(bad):
    plain = np.ones(3)
    with pytest.raises(TypeError, match=r"arrays\[1\] must be a NumPy array"):
        nf.clip_by_global_norm([plain, bad], 1e-3)
    assert (plain == 1).all()


@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e10])
def test_clipping_of_gradients_whose_scaled_norm_overflows(scale):
    p = np.zeros(4)
    assert nf.SGD([p], lr=1.0).step([np.full(4, 1e300)], scale=scale, clip_norm=2.0)
    np.testing.assert_allclose(p, -1.0)


@pytest.mark.parametrize("scale", [1e-310, 5e-324])
def test_a_scale_without_an_inverse_is_refused(scale):
    p = np.zeros(4)
    with pytest.raises(ValueError, match=r"scale must be at least 2\*\*-1022"):
        nf.SGD([p], lr=1.0).step([np.ones(4)], scale=scale)
    assert (p == 0).all()
