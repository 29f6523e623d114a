"""A call whose output shares memory with an operand gives the bits that it gives without sharing.

Every operation that writes into a given array is called with `out` lying on each of its operands in every way that
views allow: the operand itself, shifted, reversed, interleaved, transposed, a sub-block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import npfuse as nf
from npfuse import _native

Array = NDArray[Any]
Placement = tuple[str, Array, Array]
"""A name, where the operand lies, and where the output lies, both in the same memory."""

THREADS = (1, 2, 4)
SMALL, LARGE = (5, 6), (260, 257)
"""Below and above the numbers of elements from which on threads share the work."""


def placements(shape: tuple[int, int], dtype: str) -> Iterator[Placement]:
    """Yield the ways in which two matrices of one shape can share memory."""
    rows, columns = shape

    def memory(*lengths: int) -> Array:
        return np.zeros(lengths, dtype)

    m = memory(*shape)
    yield "itself", m, m
    line = memory(rows * columns + 1)
    before, after = line[:-1].reshape(shape), line[1:].reshape(shape)
    yield "one element before", after, before
    yield "one element after", before, after
    m = memory(rows + 1, columns)
    yield "one row before", m[1:], m[:-1]
    yield "one row after", m[:-1], m[1:]
    m = memory(*shape)
    yield "rows reversed", m, m[::-1]
    yield "columns reversed", m, m[:, ::-1]
    m = memory(rows, 2 * columns)
    yield "every second element of the operand", m[:, ::2], m[:, :columns]
    yield "every second element of the output", m[:, :columns], m[:, ::2]
    yield "interleaved", m[:, ::2], m[:, 1::2]
    m = memory(2 * rows, columns)
    yield "every second row of the operand", m[::2], m[:rows]
    m = memory(max(shape), max(shape))
    yield "transposed", m[:rows, :columns], m.T[:rows, :columns]
    m = memory(rows + 1, columns + 2)
    yield "sub-blocks", m[:-1, :-2], m[1:, 2:]
    m = memory(columns, rows)
    yield "Fortran order", m.T, m.T


@dataclass(frozen=True)
class Operation:
    """Something that computes its operands into `out`."""

    name: str
    call: Callable[..., Any]  # (*operands, out=) -> what was computed, out among it
    operands: Callable[[np.random.Generator, tuple[int, int], str], list[Array]]
    outputs: int = 1

    def __str__(self) -> str:
        return self.name


def matrices(count: int) -> Callable[[np.random.Generator, tuple[int, int], str], list[Array]]:
    def make(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> list[Array]:
        return [(rng.uniform(0.1, 2.0, shape) * rng.choice([-1, 1], shape)).astype(dtype) for _ in range(count)]

    return make


def elementwise() -> Iterator[Operation]:
    for name in _native.__all__:
        function = getattr(nf, name)
        ufunc = function if isinstance(function, np.ufunc) else getattr(function, "ufunc", None)
        if ufunc is not None and ufunc.signature is None:
            yield Operation(name, ufunc, matrices(ufunc.nin), ufunc.nout)


def along_rows() -> Iterator[Operation]:
    for name in _native.operations["rows"]:
        for axis in (0, 1):
            if name != "logsumexp":
                forward, backward = getattr(nf, name), getattr(nf, f"{name}_backward")
                yield Operation(f"{name}, axis {axis}", partial_axis(forward, axis), matrices(1))
                yield Operation(f"{name}_backward, axis {axis}", partial_axis(backward, axis), matrices(2))
    yield Operation("bias_act", lambda x, out: nf.bias_act(x, x[0].copy(), "gelu", out=out), matrices(1))
    yield Operation(
        "bias_act_backward",
        lambda dy, x, out: nf.bias_act_backward(dy, x, np.full(x.shape[1], 0.5, x.dtype), "tanh", out=out),
        matrices(2),
    )


def partial_axis(function: Callable[..., Any], axis: int) -> Callable[..., Any]:
    return lambda *operands, out: function(*operands, axis=axis, out=out)


def losses() -> Iterator[Operation]:
    def probabilities(rng: np.random.Generator, shape: tuple[int, int], dtype: str) -> list[Array]:
        return [rng.uniform(0.1, 0.9, shape).astype(dtype) for _ in range(3)]

    for name in nf.losses.__all__:
        loss = getattr(nf, name)
        if name == "nll_loss":
            continue
        if name == "softmax_cross_entropy":
            for axis in (0, 1):
                yield Operation(
                    f"{name}, axis {axis}",
                    lambda z, q, out, axis=axis: nf.softmax_cross_entropy.value_and_grad(z, q, axis=axis, out=out),
                    lambda *size: probabilities(*size)[:2],
                )
            continue
        yield Operation(
            name,
            lambda p, t, w, out, loss=loss: loss.value_and_grad(p, t, weight=w, out=out),
            probabilities,
        )
        yield Operation(
            f"{name}, without weight",
            lambda p, t, out, loss=loss: loss.grad(p, t, out=out),
            lambda *size: probabilities(*size)[:2],
        )
    yield Operation(
        "gaussian_nll_loss, variance",
        lambda p, t, v, out: nf.gaussian_nll_loss.grad(p, t, var=v, out=out),
        probabilities,
    )


OPERATIONS = [*elementwise(), *along_rows(), *losses()]


@pytest.fixture(autouse=True)
def _thread_count_restored() -> Iterator[None]:
    found = nf.get_num_threads()
    yield
    nf.set_num_threads(found)


def bits(result: Any) -> list[bytes]:
    return [np.asarray(part).tobytes() for part in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_out_may_share_memory_with_any_operand(operation: Operation) -> None:
    rng = np.random.default_rng(0)
    for shape, dtype in [(SMALL, "f4"), (SMALL, "f2"), (LARGE, "f4")]:
        operands = operation.operands(rng, shape, dtype)
        with np.errstate(all="ignore"):
            expected = operation.call(*operands, out=output(operation, shape, dtype))
        for index in range(len(operands)):
            for name, place, out in placements(shape, dtype):
                for threads in THREADS if shape == LARGE else (1,):
                    place[...] = operands[index]
                    shared = [*operands[:index], place, *operands[index + 1 :]]
                    nf.set_num_threads(threads)
                    for position in range(operation.outputs):
                        place[...] = operands[index]
                        target = output(operation, shape, dtype, out, position)
                        with np.errstate(all="ignore"):
                            result = operation.call(*shared, out=target)
                        case = f"operand {index}, {name}, {threads} threads, {dtype} of {shape}"
                        assert bits(result) == bits(expected), case
                        written = target[position] if isinstance(target, tuple) else target
                        where = position if operation.outputs > 1 else index_of(out, result)
                        assert written.tobytes() == bits(expected)[where], case


def index_of(out: Array, result: Any) -> int:
    """Return which of what a call returned is `out`."""
    parts = result if isinstance(result, tuple) else (result,)
    return next(i for i, part in enumerate(parts) if part is out)


def output(
    operation: Operation, shape: tuple[int, int], dtype: str, out: Array | None = None, position: int = 0
) -> Any:
    """Return `out` where a call takes it, at its position among new arrays if there are several results."""
    if operation.outputs == 1:
        return np.empty(shape, dtype) if out is None else out
    return tuple(np.empty(shape, dtype) if out is None or i != position else out for i in range(operation.outputs))


@pytest.mark.parametrize("name", _native.operations["gated"])
@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=str)
def test_both_results_may_take_the_places_of_operands(name: str, shape: tuple[int, int]) -> None:
    backward = getattr(nf, f"{name}_backward")
    operands = matrices(3)(np.random.default_rng(0), shape, "f4")
    expected = bits(backward(*operands))
    for first, second in [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)]:
        copies = [operand.copy() for operand in operands]
        assert bits(backward(*copies, out=(copies[first], copies[second]))) == expected


@pytest.mark.parametrize("shape", [(6, 6), (200, 200), (7, 9, 9)], ids=str)
def test_axes_may_change_places_in_place(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    first, last = len(shape) - 2, len(shape) - 1
    for axes in ([first, last], [last, first], [(first,), (last,)]):
        expected = nf.softmax(x, axes=axes).tobytes()
        for give in (
            lambda out, axes=axes: nf.softmax(out, axes=axes, out=out),
            lambda out, axes=axes: nf.softmax(out, out, axes=axes),
        ):
            copy = x.copy()
            assert give(copy) is copy
            assert copy.tobytes() == expected


def test_axes_with_an_out_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"out must have shape \(3, 4\), got \(4, 3\)"):
        nf.softmax(np.ones((4, 3)), axes=[0, 1], out=np.ones((4, 3)))


def test_logsumexp_may_overwrite_a_column_or_row_of_its_input() -> None:
    for shape in (SMALL, LARGE):
        x = np.random.default_rng(0).normal(size=shape).astype("f4")
        for axis in (0, 1):
            expected = nf.logsumexp(x, axis=axis).tobytes()
            for place in (0, -1):
                copy = x.copy()
                out = copy[place, :] if axis == 0 else copy[:, place]
                nf.logsumexp(copy, axis=axis, out=out)
                assert out.tobytes() == expected


@pytest.mark.parametrize("shape", [(6, 6), (300, 300)], ids=str)
def test_a_bias_may_be_a_row_or_column_of_the_output(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype("f4")
    for view in (lambda m: m[0], lambda m: m[-1], lambda m: m[:, 0], lambda m: m[:, -1], lambda m: m.diagonal()):
        expected = nf.bias_act(x, view(x).copy(), "tanh").tobytes()
        copy = x.copy()
        nf.bias_act(copy, view(copy), "tanh", out=copy)
        assert copy.tobytes() == expected


@pytest.mark.parametrize("classes", [7, 200])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("loss", [nf.softmax_cross_entropy, nf.nll_loss], ids=repr)
def test_labels_and_class_weights_may_lie_in_the_output(loss: Any, axis: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    shape = (20, classes) if axis == 1 else (classes, 20)
    logits = rng.normal(size=shape)
    labels, weight = rng.integers(0, classes, 20), rng.uniform(0.5, 2, classes)
    expected = loss.grad(logits, labels, axis=axis, weight=weight).tobytes()

    out = np.empty(shape)
    view = out.view(np.int64).reshape(-1)[:20]
    view[:] = labels
    loss.grad(logits, view, axis=axis, weight=weight, out=out)
    assert out.tobytes() == expected

    out = np.empty(shape)
    view = out.reshape(-1)[5 : 5 + classes]
    view[:] = weight
    loss.grad(logits, labels, axis=axis, weight=view, out=out)
    assert out.tobytes() == expected


@pytest.mark.parametrize("name", [f"{name}" for name in _native.operations["gated"]])
@pytest.mark.parametrize("size", [1, 2, 17, 5000])
def test_ufunc_methods_of_two_operands_compute_in_order(name: str, size: int) -> None:
    """What reduce, accumulate, reduceat, outer and at give, step by step."""
    f = getattr(nf, name)
    x = np.random.default_rng(0).uniform(0.5, 3.0, size).astype("f4")
    steps = [x[0]]
    for number in x[1:]:
        steps.append(f(steps[-1], number))
    steps = np.array(steps, "f4")
    assert f.accumulate(x).tobytes() == steps.tobytes()
    assert f.reduce(x) == steps[-1]
    assert f.reduceat(x, [0])[0] == steps[-1]
    strided = np.repeat(x, 2)[::2]
    assert f.accumulate(strided).tobytes() == steps.tobytes()
    np.testing.assert_array_equal(f.outer(x[:10], x), f(x[:10, None], x[None]))
    counts = x.copy()
    f.at(counts, [0, 0, size - 1], np.float32(2))
    expected = x.copy()
    for i in [0, 0, size - 1]:
        expected[i] = f(expected[i], np.float32(2))
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("threads", THREADS)
def test_a_long_shifted_call_is_right_at_the_seams_of_threads(threads: int) -> None:
    nf.set_num_threads(threads)
    x = np.random.default_rng(0).normal(size=400_001).astype("f4")
    expected = nf.sigmoid(x[1:].copy()).tobytes()
    for _ in range(10):
        memory = x.copy()
        nf.sigmoid(memory[1:], out=memory[:-1])
        assert memory[:-1].tobytes() == expected
