"""What softmax and its kin make of arguments that are not plain arrays."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native

NAMES = [name for forward in _native.operations["rows"] for name in (forward, f"{forward}_backward")]


def operands(name: str, x: Any) -> tuple[Any, ...]:
    if name == "logsumexp_backward":
        return (np.ones(len(x)), x)
    return (x, x) if name.endswith("_backward") else (x,)


@pytest.mark.parametrize("name", NAMES)
def test_masked_arrays_are_refused_wherever_they_are(name: str) -> None:
    function = getattr(nf, name)
    plain = np.linspace(-2, 2, 12).reshape(3, 4)
    masked = np.ma.masked_greater(plain, 1)
    for position in range(function.nin):
        given = list(operands(name, plain))
        given[position] = masked
        with pytest.raises(TypeError, match="must be an array without a mask"):
            function(*given)
    out = np.ma.zeros(function(*operands(name, plain)).shape)
    for call in (
        lambda: function(*operands(name, plain), out=out),
        lambda: function(*operands(name, plain), out=(out,)),
        lambda: function(*operands(name, plain), out),
    ):
        with pytest.raises(TypeError, match="out must be an array without a mask"):
            call()
    assert (out.data == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_a_data_frame_are_its_rows(name: str) -> None:
    pandas = pytest.importorskip("pandas")
    function = getattr(nf, name)
    values = np.random.default_rng(0).normal(size=(5, 3))
    frame = pandas.DataFrame(values, index=list("vwxyz"), columns=list("abc"))
    expected = function(*operands(name, values))
    result = function(*operands(name, frame))
    np.testing.assert_array_equal(np.asarray(result), expected)
    if expected.shape == values.shape:
        assert list(result.columns) == list("abc")
        assert list(result.index) == list("vwxyz")
    np.testing.assert_array_equal(
        np.asarray(function(*operands(name, frame), **axis_of(name, 0))),
        function(*operands(name, values), **axis_of(name, 0)),
    )


def axis_of(name: str, axis: int) -> dict[str, Any]:
    return {} if name == "logsumexp_backward" else {"axis": axis}


@pytest.mark.parametrize("name", NAMES)
def test_subclasses_and_sequences_work_as_arrays_do(name: str) -> None:
    function = getattr(nf, name)
    x = np.random.default_rng(0).normal(size=(4, 3))

    class Labelled(np.ndarray):
        pass

    expected = function(*operands(name, x))
    labelled = function(*operands(name, x.view(Labelled)))
    assert type(labelled) is Labelled
    np.testing.assert_array_equal(np.asarray(labelled), expected)
    np.testing.assert_array_equal(function(*operands(name, x.tolist())), expected)


@pytest.mark.parametrize("name", NAMES)
def test_functions_along_rows_go_by_their_names(name: str) -> None:
    function = getattr(nf, name)
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.copy(function) is function
    assert copy.deepcopy(function) is function
    assert repr(function) == f"<function {name}>"
    assert function.__doc__
    assert function.__module__ == "npfuse"
    assert function.signature == function.ufunc.signature
    with pytest.raises(TypeError, match="cannot create"):
        type(function)()


LONG = 9_000_001
"""Rows beyond the scratch memory: they are converted block by block."""


@pytest.mark.slow
@pytest.mark.parametrize("name", _native.operations["rows"])
def test_rows_longer_than_the_scratch_have_the_same_bits(name: str) -> None:
    rng = np.random.default_rng(0)
    forward, backward = getattr(nf, name), getattr(nf, f"{name}_backward")
    x = rng.normal(scale=3, size=LONG).astype("f4")
    for position, special in [(0, 0.0), (5_000_000, np.nan), (5_000_000, np.inf), (7_000_000, 200.0)]:
        x[position] = special
        strided = np.repeat(x, 2)[::2]
        y = forward(x)
        assert np.asarray(forward(strided)).tobytes() == np.asarray(y).tobytes()
        halves = x.astype("f2")
        with np.errstate(over="ignore"):
            rounded = np.asarray(forward(halves.astype("f4"))).astype("f2")
        assert np.asarray(forward(halves)).tobytes() == rounded.tobytes()
        given = (np.float32(2), x) if name == "logsumexp" else (x[::-1].copy(), y)
        spread = [np.repeat(array, 2)[::2] if array.ndim else array for array in given]
        assert backward(*spread).tobytes() == backward(*given).tobytes()
        x[position] = 0.5
    out = np.repeat(x, 2)[::2]
    if name != "logsumexp":
        forward(out, out=out)
        assert out.tobytes() == forward(x).tobytes()


def test_a_long_row_of_halves_needs_little_memory() -> None:
    assert nf.logsumexp(np.zeros(60_000_000, np.float16)) == np.float16(np.log(60_000_000))
