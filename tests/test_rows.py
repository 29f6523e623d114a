"""softmax and its kin: accurate for any row, along any axis, in any layout."""

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import npfuse as nf
from exact import unit_in_last_place
from npfuse import reference
from table import ROWS, RowOperation

DTYPES = [np.float32, np.float64]
HALF_AND_FULL = [np.float16, *DTYPES]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" in metafunc.fixturenames:
        metafunc.parametrize("row", ROWS, ids=[row.name for row in ROWS])


def forward(row: RowOperation) -> np.ufunc:
    return getattr(nf, row.name)


def backward(row: RowOperation) -> np.ufunc:
    return getattr(nf, f"{row.name}_backward")


def bits(array: np.ndarray) -> np.ndarray:
    return array.view(f"u{array.itemsize}")


def difficult_rows(dtype: type) -> dict[str, np.ndarray]:
    random = np.random.default_rng(8)
    limits = np.finfo(dtype)
    rows = {
        "one number": [3.7],
        "two": [0.1, 0.2],
        "equal": [5.0] * 33,
        "ordinary": random.normal(size=70),
        "long": random.normal(scale=3, size=1500),
        "spread": random.normal(scale=60, size=100),
        "far from zero": random.normal(size=50) + 1e4,
        "dominated": [50.0, 0.0, -1.0],
        "dominated by far": [200.0, 0.0, -300.0],
        "huge": [limits.max / 4, limits.max / 8, 0, -limits.max / 4],
        "tiny": [limits.smallest_subnormal, -limits.smallest_normal, 0],
        "result subnormal": [0.0, -90.0, -100.0, -103.0],
        "ascending": np.arange(40) * 0.75,
    }
    return {name: np.array(row, dtype) for name, row in rows.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", difficult_rows(np.float64))
def test_accuracy(row: RowOperation, dtype: type, kind: str) -> None:
    x = difficult_rows(dtype)[kind]
    result = np.atleast_1d(forward(row)(x))
    with mpmath.workprec(2500):
        exact = row.formula([mpf(float(number)) for number in x])
        scale = np.abs(np.array([float(number) for number in exact]))
        if row.beside_largest_input:
            scale = np.maximum(scale, np.abs(x.max()))
        units = unit_in_last_place(scale, dtype)
        errors = [
            abs(got - want) / unit for got, want, unit in zip(result.tolist(), exact, units.tolist(), strict=True)
        ]
    assert max(errors) <= (row.ulp if dtype is np.float32 else row.float64_ulp), result[np.argmax(errors)]


@pytest.mark.parametrize("scale", [0.5, 3, 30, 300, 5000])
@pytest.mark.parametrize("length", [2, 3, 5, 33, 1000])
def test_accuracy_of_many_rows(row: RowOperation, length: int, scale: float) -> None:
    """What a handful of rows does not show: bounds that only one row in thousands comes near."""
    x = np.random.default_rng(4).normal(scale=scale, size=(200_000 // length, length)).astype(np.float32)
    distance = x.astype(np.float64) - x.max(axis=1, keepdims=True)
    others = np.exp(distance)
    np.put_along_axis(others, x.argmax(axis=1, keepdims=True), 0, axis=1)
    beside = others.sum(axis=1, keepdims=True)
    exact = {
        "softmax": np.exp(distance) / (1 + beside),
        "log_softmax": distance - np.log1p(beside),
        "logsumexp": (x.max(axis=1, keepdims=True) + np.log1p(beside))[:, 0],
    }[row.name]
    size = np.maximum(np.abs(exact), np.abs(x.max(axis=1))) if row.beside_largest_input else np.abs(exact)
    errors = np.abs(forward(row)(x) - exact) / unit_in_last_place(size, np.float32)
    assert errors.max() <= row.ulp


def test_a_dominant_maximum_leaves_the_rest_visible() -> None:
    """Where SciPy's log_softmax returns 0 (scipy issue 19521)."""
    result = nf.log_softmax(np.array([0, 50], np.float64))
    np.testing.assert_allclose(result, [-50, -np.exp(-50)], rtol=1e-15)


@pytest.mark.parametrize("dtype", HALF_AND_FULL)
def test_masks(dtype: type) -> None:
    """-inf has weight 0, silently; a row of nothing else has no softmax, but a sum of 0, whose logarithm is -inf."""
    x = np.array([[1, -np.inf, 1], [-np.inf] * 3, [1, np.nan, 1], [1, np.inf, 1]], dtype)
    with np.errstate(all="raise"):
        softmax, log_softmax, logsumexp = nf.softmax(x), nf.log_softmax(x), nf.logsumexp(x)
    np.testing.assert_array_equal(softmax, np.array([[0.5, 0, 0.5], *[[np.nan] * 3] * 3], dtype))
    np.testing.assert_array_equal(log_softmax[0, 1], -np.inf)
    assert np.isnan(log_softmax[1:]).all()
    np.testing.assert_array_equal(logsumexp[1:], np.array([-np.inf, np.nan, np.inf], dtype))


def test_an_empty_row_has_no_elements_and_the_sum_zero(row: RowOperation) -> None:
    result = forward(row)(np.empty((4, 0), np.float32))
    if row.reduces:
        np.testing.assert_array_equal(result, np.full(4, -np.inf))
    else:
        assert result.shape == (4, 0)
    assert forward(row)(np.empty((0, 4), np.float32)).shape[0] == 0


@pytest.mark.parametrize("dtype", HALF_AND_FULL)
@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 33, 40), (1, 1, 1), (5, 1, 100), (300, 3, 2), (2, 3, 1500)])
def test_every_axis_and_layout_gives_the_same_bits(row: RowOperation, dtype: type, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(9).normal(scale=4, size=shape).astype(dtype)
    dy = np.random.default_rng(10).normal(size=shape).astype(dtype)
    for axis in (0, 1, 2, -3):
        moved = np.ascontiguousarray(np.moveaxis(x, axis, -1))
        expected = forward(row)(moved)
        result = forward(row)(x, axis=axis)
        if not row.reduces:
            result = np.moveaxis(result, axis, -1)
        np.testing.assert_array_equal(bits(np.ascontiguousarray(result)), bits(expected))
        one_by_one = [forward(row)(line) for line in moved.reshape(-1, shape[axis])]
        np.testing.assert_array_equal(np.reshape(one_by_one, expected.shape), expected)

        given = expected if row.backward_from_output else moved
        given_here = np.moveaxis(given, -1, axis)
        dy_moved = np.ascontiguousarray(np.moveaxis(dy, axis, -1))
        dy_row = dy_moved[..., 0] if row.reduces else dy_moved
        dy_here = dy_row if row.reduces else dy
        axes = {"axes": [(), axis, axis]} if row.reduces else {"axis": axis}
        gradient = np.moveaxis(backward(row)(dy_here, given_here, **axes), axis, -1)
        np.testing.assert_array_equal(gradient, backward(row)(dy_row, given))


@pytest.mark.parametrize("dtype", HALF_AND_FULL)
def test_strides_threads_and_neighbours_do_not_matter(row: RowOperation, dtype: type) -> None:
    x = np.random.default_rng(11).normal(scale=4, size=(301, 257)).astype(dtype)
    expected = forward(row)(x)
    np.testing.assert_array_equal(forward(row)(np.repeat(x, 2, axis=1)[:, ::2]), expected)
    np.testing.assert_array_equal(forward(row)(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(forward(row)(x[::-1])[::-1], expected)
    np.testing.assert_array_equal(forward(row)(x.astype(x.dtype.newbyteorder(">"))), expected)
    before = nf.get_num_threads()
    try:
        for threads in (1, 2, 5):
            nf.set_num_threads(threads)
            for axis in (0, 1):
                results = forward(row)(np.ascontiguousarray(np.moveaxis(x, -1, axis)), axis=axis)
                np.testing.assert_array_equal(results if row.reduces else np.moveaxis(results, axis, -1), expected)
    finally:
        nf.set_num_threads(before)


def sum_in_order(terms: np.ndarray) -> np.float64:
    """Add up a row in the order of csrc/loops/lanes.h: runs of 4,096, in each 32 lanes and a tree."""
    total = np.float64(0)
    for first in range(0, len(terms), 4096):
        run = terms[first : first + 4096]
        lanes = np.zeros((len(run) // 32 + 2) * 32)
        lanes[32 : 32 + len(run)] = run
        lanes = lanes.reshape(-1, 32).cumsum(axis=0)[-1]
        while len(lanes) > 1:
            lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
        total = total + lanes[0]
    return total


@pytest.mark.parametrize("n", [1, 31, 33, 4095, 4096, 4097, 12_289, 300_001])
def test_rows_are_summed_in_the_stated_order(n: int) -> None:
    random = np.random.default_rng(n)
    dy = random.normal(size=(3, n)) * 10.0 ** random.integers(-9, 9, size=(3, n))
    dy[:, 0] = 0
    expected = [-sum_in_order(row) for row in dy]
    y = np.zeros_like(dy)
    spread = np.repeat(dy, 2, axis=1)[:, ::2]
    few = np.array([nf.log_softmax_backward(dy[i], y[i])[0] for i in range(3)])
    across = nf.log_softmax_backward(dy.T.copy(), y.T.copy(), axis=0)
    for first in (nf.log_softmax_backward(dy, y)[:, 0], nf.log_softmax_backward(spread, y)[:, 0], few, across[0]):
        assert first.tolist() == expected


@pytest.mark.parametrize("dtype", HALF_AND_FULL)
@pytest.mark.parametrize("kind", ["ordinary", "dominated", "NaN", "infinite"])
def test_threads_that_share_a_row_do_not_matter(row: RowOperation, dtype: type, kind: str) -> None:
    x = np.random.default_rng(4).normal(size=300_001).astype(dtype)
    x[150_000] = {"ordinary": 1, "dominated": 100, "NaN": np.nan, "infinite": np.inf}[kind]
    many = np.repeat(x[np.newaxis], 5, axis=0)  # of which threads take whole rows
    y = forward(row)(many)
    given = many if row.name == "logsumexp" else y
    dy = y if row.name == "logsumexp" else many[:, ::-1].copy()
    dx = backward(row)(dy, given)
    for threads in (1, 2, 4):
        before = nf.get_num_threads()
        nf.set_num_threads(threads)
        try:
            for part in (slice(0, 1), slice(0, 2)):
                np.testing.assert_array_equal(bits(forward(row)(many[part])), bits(y[part]))
                np.testing.assert_array_equal(bits(backward(row)(dy[part], given[part])), bits(dx[part]))
                spread = np.repeat(many[part], 2, axis=1)[:, ::2]
                np.testing.assert_array_equal(bits(forward(row)(spread)), bits(y[part]))
            if row.name != "logsumexp":
                in_place = many[:1].copy()
                forward(row)(in_place, out=in_place)
                np.testing.assert_array_equal(bits(in_place), bits(y[:1]))
        finally:
            nf.set_num_threads(before)


@pytest.mark.parametrize("n", [2, 40, 5000])
def test_nan_wins_over_infinity_in_every_layout(n: int) -> None:
    x = np.zeros((70, n))
    x[:, 0], x[:, n - 1] = np.inf, np.nan
    assert np.isnan(nf.logsumexp(x)).all()
    assert np.isnan(nf.logsumexp(x.T.copy(), axis=0)).all()
    assert np.isnan(nf.logsumexp(np.repeat(x, 2, axis=1)[:, ::2])).all()
    assert np.isnan(nf.logsumexp(x.astype(np.float16).T.copy(), axis=0)).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_out_and_in_place(row: RowOperation, axis: int) -> None:
    x = np.random.default_rng(12).normal(size=(40, 50)).astype(np.float32)
    expected = forward(row)(x, axis=axis)
    out = np.empty_like(expected)
    assert forward(row)(x, axis=axis, out=out) is out
    np.testing.assert_array_equal(out, expected)
    if not row.reduces:
        forward(row)(x, axis=axis, out=x)
        np.testing.assert_array_equal(x, expected)


def test_half_types_are_float32_rounded_once(row: RowOperation) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (np.float16, ml_dtypes.bfloat16):
        x = np.random.default_rng(13).normal(scale=3, size=(50, 200)).astype(dtype)
        result = forward(row)(x)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, forward(row)(x.astype(np.float32)).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_backward_against_the_reference(row: RowOperation, dtype: type) -> None:
    random = np.random.default_rng(14)
    x = random.normal(scale=2, size=(30, 90)).astype(dtype)
    dy = random.normal(size=30 if row.reduces else x.shape).astype(dtype)
    given = forward(row)(x) if row.backward_from_output else x
    exact = getattr(reference, f"{row.name}_backward")(dy.astype(np.longdouble), given.astype(np.longdouble))
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(backward(row)(dy, given), exact, rtol=tolerance, atol=tolerance * np.abs(exact).max())


def test_backward_is_the_derivative(row: RowOperation) -> None:
    random = np.random.default_rng(15)
    x = random.normal(size=(5, 12))
    direction = random.normal(size=x.shape)
    dy = random.normal(size=5 if row.reduces else x.shape)
    step = 1e-5
    difference = (forward(row)(x + step * direction) - forward(row)(x - step * direction)) / (2 * step)
    given = forward(row)(x) if row.backward_from_output else x
    gradient = backward(row)(dy, given)
    np.testing.assert_allclose(np.sum(gradient * direction), np.sum(dy * difference), rtol=1e-8)


def test_integers_promote_as_for_exp(row: RowOperation) -> None:
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        x = np.arange(6, dtype=dtype).reshape(2, 3)
        assert forward(row)(x).dtype == np.exp(x).dtype


def test_bad_input_is_refused_before_anything_is_written(row: RowOperation) -> None:
    x = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match="axis"):
        forward(row)(x, axis=2)
    with pytest.raises(TypeError):
        forward(row)(x.astype(complex))
    with pytest.raises(ValueError, match="dimension"):
        forward(row)(np.float32(1))
    out = np.full((2, 4), 7, np.float32)
    with pytest.raises(ValueError):  # noqa: PT011  NumPy's words differ between its versions
        forward(row)(x, out=out)
    assert (out == 7).all()


def test_reference_agrees(row: RowOperation) -> None:
    x = np.random.default_rng(16).normal(size=(6, 20))
    np.testing.assert_allclose(forward(row)(x), getattr(reference, row.name)(x), rtol=1e-13)
