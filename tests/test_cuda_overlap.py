"""Results that go where operands lie have the bits of the call whose arrays share no memory, for every operation."""

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

import npfuse as nf
from gpu import Device, Foreign, assert_same_bits
from npfuse import _native, cuda
from table import LOSSES
from test_losses import sample

SHAPE = (6, 40)


@dataclass(frozen=True)
class Operation:
    """A call: `call` takes the operands on a GPU by name, and where its outputs go."""

    name: str
    operands: dict[str, np.ndarray]
    outputs: tuple[tuple[int, ...], ...]
    call: Callable[[dict, tuple], object]

    def __str__(self) -> str:
        return self.name


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def elementwise() -> Iterator[Operation]:
    for name in cuda.__all__:
        function = getattr(cuda, name)
        parameters = getattr(inspect.signature(function), "parameters", {}) if callable(function) else {}
        if "out" not in parameters or name in {"bias_act", "bias_act_backward"} or name.startswith(ROWS):
            continue
        arrays = [key for key in parameters if key not in ("out", "stream")]
        shapes = [SHAPE if key in ("x", "dy", "gate") else SHAPE[1:] for key in arrays]
        operands = {key: numbers(shape, seed) for seed, (key, shape) in enumerate(zip(arrays, shapes, strict=True))}
        count = 2 if name.startswith(GATED) and name.endswith("backward") else 1

        def call(given: dict, out: tuple, function: Callable = function, count: int = count) -> object:
            return function(*given.values(), out=out if count == 2 else out[0])

        yield Operation(name, operands, (SHAPE,) * count, call)


GATED = tuple(_native.operations["gated"])
ROWS = tuple(_native.operations["rows"])
ROW_SHAPES = [((6, 5), 1), ((6, 40), 1), ((40, 6), 0), ((3, 700), 1), ((2, 1500), 1)]


def rows() -> Iterator[Operation]:
    for name in ROWS:
        for shape, axis in ROW_SHAPES:
            x = numbers(shape, 0)
            y = getattr(nf, name)(x, axis=axis)
            second = "x" if name == "logsumexp" else "y"
            for function, operands, result in (
                (getattr(cuda, name), {"x": x}, y.shape),
                (
                    getattr(cuda, f"{name}_backward"),
                    {"dy": numbers(y.shape, 1), second: x if second == "x" else y},
                    shape,
                ),
            ):

                def call(given: dict, out: tuple, function: Callable = function, axis: int = axis) -> object:
                    return function(*given.values(), axis, out=out[0])

                yield Operation(f"{function.__name__} {shape} {axis}", operands, (result,), call)


def biased() -> Iterator[Operation]:
    for shape in (SHAPE, (1, 7), (300, 33)):
        operands = {"x": numbers(shape, 0), "bias": numbers(shape[1:], 1)}

        def forward(given: dict, out: tuple) -> object:
            return cuda.bias_act(given["x"], given["bias"], "gelu", out=out[0])

        def backward(given: dict, out: tuple) -> object:
            return cuda.bias_act_backward(given["dy"], given["x"], given["bias"], "gelu", out=out[0])

        yield Operation(f"bias_act {shape}", operands, (shape,), forward)
        yield Operation(f"bias_act_backward {shape}", {"dy": numbers(shape, 2), **operands}, (shape,), backward)


def losses() -> Iterator[Operation]:
    for row in LOSSES:
        pred, target, more = sample(row, math.prod(SHAPE))
        operands = {"pred": pred.reshape(SHAPE), "target": target[: SHAPE[1]]}
        operands |= {name: array.reshape(SHAPE) for name, array in more.items()}
        operands["weight"] = np.linspace(0, 2, SHAPE[0], dtype=np.float32)[:, None]
        yield from gradients(row.name, operands, {})


def row_losses() -> Iterator[Operation]:
    for shape, axis in ROW_SHAPES:
        rest, classes = np.delete(shape, axis).tolist(), shape[axis]
        operands = {"pred": nf.log_softmax(numbers(shape, 0), axis=axis)}
        labels = np.random.default_rng(1).integers(0, classes, size=rest)
        weight = np.linspace(0.5, 2, classes, dtype=np.float32)
        probabilities = nf.softmax(numbers(shape, 2), axis=axis)
        for name in ("softmax_cross_entropy", "nll_loss"):
            yield from gradients(name, {**operands, "target": labels, "weight": weight}, {"axis": axis})
        for options in ({"axis": axis}, {"axis": axis, "label_smoothing": 0.1}):
            given = {**operands, "target": probabilities, "weight": weight}
            yield from gradients("softmax_cross_entropy", given, options)


def gradients(name: str, operands: dict[str, np.ndarray], options: dict) -> Iterator[Operation]:
    loss = getattr(cuda, name)
    for function in (loss.grad, loss.value_and_grad):

        def call(given: dict, out: tuple, function: Callable = function) -> object:
            by_name = {key: array for key, array in given.items() if key not in ("pred", "target")}
            return function(given["pred"], given["target"], **by_name, **options, out=out[0])

        label = f"{name}.{function.__name__} {operands['pred'].shape} {operands['target'].dtype} {options}"
        yield Operation(label, operands, (operands["pred"].shape,), call)


OPERATIONS = [*elementwise(), *rows(), *biased(), *losses(), *row_losses()]


def test_every_operation_that_writes_is_tried() -> None:
    tried = {operation.name.split()[0].split(".")[0] for operation in OPERATIONS}
    functions = {name: getattr(cuda, name) for name in cuda.__all__ if not isinstance(getattr(cuda, name), type)}
    writing = {name for name, each in functions.items() if "out" in inspect.signature(each).parameters}
    assert tried == writing | set(nf.losses.__all__)


Views = tuple[np.ndarray, np.ndarray]


def placements(like: np.ndarray, shape: tuple[int, ...], dtype: type) -> dict[str, Callable[[np.ndarray], Views]]:
    """Return, by name, what makes an operand and an output that share memory of some bytes."""
    n, size = like.size, math.prod(shape)

    def operand(memory: np.ndarray, offset: int = 0, step: int = 1) -> np.ndarray:
        return memory.view(like.dtype)[offset : offset + n * step : step].reshape(like.shape)

    def output(memory: np.ndarray, offset: int = 0, step: int = 1) -> np.ndarray:
        return memory.view(dtype)[offset : offset + size * step : step].reshape(shape)

    def block(memory: np.ndarray, of: tuple[int, ...], kind: object, begin: int) -> np.ndarray:
        wider = tuple(length + 1 for length in of)
        whole = memory.view(kind)[: math.prod(wider)].reshape(wider)
        return whole[tuple(slice(begin, begin + length) for length in of)]

    row = shape[-1] if shape else 1
    return {
        "the operand": lambda memory: (operand(memory), output(memory)),
        "one element before": lambda memory: (operand(memory, 1), output(memory)),
        "one element behind": lambda memory: (operand(memory), output(memory, 1)),
        "one row before": lambda memory: (operand(memory, row), output(memory)),
        "one row behind": lambda memory: (operand(memory), output(memory, row)),
        "round it": lambda memory: (operand(memory, size // 2), output(memory)),
        "reversed": lambda memory: (operand(memory), output(memory)[(slice(None, None, -1),) * len(shape)]),
        "every second": lambda memory: (operand(memory), output(memory, step=2)),
        "of every second": lambda memory: (operand(memory, step=2), output(memory)),
        "between": lambda memory: (operand(memory, step=2), output(memory, 1, step=2)),
        "transposed": lambda memory: (operand(memory), output(memory).reshape(shape[::-1]).T),
        "of the transposed": lambda memory: (operand(memory).reshape(like.shape[::-1]).T, output(memory)),
        "a block": lambda memory: (block(memory, like.shape, like.dtype, 0), block(memory, shape, dtype, 1)),
        "the same block": lambda memory: (block(memory, like.shape, like.dtype, 1), block(memory, shape, dtype, 1)),
    }


def listed(results: object) -> list:
    return list(results) if isinstance(results, tuple) else [results]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_outputs_may_share_memory_with_operands(device: Device, operation: Operation) -> None:
    on_gpu = {name: cuda.asarray(array) for name, array in operation.operands.items()}
    count = len(operation.outputs)
    expected = [each.get() for each in listed(operation.call(on_gpu, (None,) * count))]
    before = 1 if "value_and_grad" in operation.name else 0  # results that come before the outputs
    for place, shape in enumerate(operation.outputs):
        wanted = expected[before + place]
        others = [each for k, each in enumerate(expected) if k != before + place]
        for name, like in operation.operands.items():
            for how, views in placements(like, shape, wanted.dtype).items():
                memory = np.full(8 * (2 * max(like.size, wanted.size) + sum(shape) + 50), 7, np.uint8)
                operand, output = views(memory)
                operand[...] = like
                there = cuda.asarray(memory)
                outputs = tuple(Foreign(there, memory, output) if k == place else None for k in range(count))
                results = listed(operation.call({**on_gpu, name: Foreign(there, memory, operand)}, outputs))
                output[...] = wanted  # and nothing else changes
                np.testing.assert_array_equal(there.get(), memory, err_msg=f"{name}: {how}")
                for actual, other in zip([each for each in results if each not in outputs], others, strict=True):
                    assert_same_bits(actual.get(), other)


def test_two_outputs_must_not_share_memory(device: Device) -> None:
    x = cuda.asarray(numbers((8,), 0))
    memory = np.zeros(9, np.float32)
    there = cuda.asarray(memory)
    parts = [Foreign(there, memory, memory[part]) for part in (np.s_[:8], np.s_[1:])]
    with pytest.raises(ValueError, match=r"out\[1\] shares memory with out\[0\]"):
        cuda.swiglu_backward(x, x, x, out=tuple(parts))
    assert not there.get().any()


def test_an_output_must_not_share_memory_with_itself(device: Device) -> None:
    memory = np.zeros(8, np.float32)
    there = cuda.asarray(memory)
    repeated = Foreign(there, memory, np.lib.stride_tricks.as_strided(memory, (8,), (0,)))
    with pytest.raises(ValueError, match="out must have each element in memory of its own"):
        cuda.relu(cuda.asarray(np.ones(8, np.float32)), out=repeated)
    assert not there.get().any()


INTERLEAVED = [np.s_[:, 0], np.s_[:, 1], np.s_[:, 2]]


def test_columns_of_a_matrix_are_clipped_together(device: Device) -> None:
    matrix = numbers((50, 3), 0)
    there = cuda.asarray(matrix)
    columns = [Foreign(there, matrix, matrix[part]) for part in INTERLEAVED]
    cuda.clip_by_global_norm(columns, 0.5)
    nf.clip_by_global_norm([matrix[part] for part in INTERLEAVED], 0.5)
    assert_same_bits(there.get(), matrix)


@pytest.mark.parametrize("how", ["the operand", "one row behind", "reversed", "every second", "transposed"])
def test_optimizers_refuse_gradients_that_share_memory(device: Device, how: str) -> None:
    memory = np.full(4 * 3 * math.prod(SHAPE), 7, np.uint8)
    views = placements(np.zeros(SHAPE, np.float32), SHAPE, np.dtype(np.float32))[how](memory)
    there = cuda.asarray(memory)
    param, grad = (Foreign(there, memory, view) for view in views)
    optimizer = cuda.SGD([param])
    with pytest.raises(ValueError, match=r"grads\[0\] shares memory with params\[0\]"):
        optimizer.step([grad])
    np.testing.assert_array_equal(there.get(), memory)
