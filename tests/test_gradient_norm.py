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
        ([np.ones(3), np.frombuffer(bytes(8))], 1.0, ValueError, r"arrays\[1\] is read-only"),
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
