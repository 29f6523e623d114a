"""Losses with their gradients, optimizer steps and the norm on a GPU."""

import functools
import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import npfuse as nf
from npfuse.bench import losses, optimizers
from npfuse.bench.gpu.rows import shaped
from npfuse.bench.gpu.task import Array, Call, Task, normal, torch_module
from npfuse.bench.optimizers import Shapes
from npfuse.bench.suite import MANY_SMALL, arrays_in_words, in_words

CLASSES = (10, 1000, 32000)

MANY = f"{arrays_in_words(MANY_SMALL)} float32"
"""What a step over many small arrays runs on."""


def of_losses(numbers: int, dtype: np.dtype[Any], classes: tuple[int, ...] = CLASSES) -> Iterator[Task]:
    """Yield every loss."""
    for name in nf.losses.__all__:
        shapes: list[tuple[int, ...]] = [(numbers,)]
        if name in losses.ROW_LOSSES:
            shapes = [shaped(numbers, length) for length in classes]
        for shape in shapes:
            yield loss_task(name, shape, dtype)


def loss_task(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Task:
    """Return the value of a loss and its gradient."""
    length = shape[-1] if len(shape) > 1 else 1
    drawn = (min(math.prod(shape) // length, max(1, 2**20 // length)), *shape[1:])

    def make() -> list[Array]:
        operands, named = losses.loss_operands(name, drawn)
        arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in (*operands, *named.values())]
        return [np.resize(array, (shape[0], *array.shape[1:])) for array in arrays] + [np.zeros(shape, dtype)]

    def ours(kernels: Any, arrays: list[Any]) -> Call:
        pred, target, *others, out = arrays
        named = dict(zip(losses.OPERANDS.get(name, {}), others, strict=True))
        function = getattr(kernels, name).value_and_grad
        return lambda: function(pred, target, **named, out=out)

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        return losses.torch_calls(name, tensors[:-1]) if name in losses.TORCH else {}

    return Task(
        family="losses",
        operation=name,
        workload=f"{in_words(shape)} {dtype.name}",
        numbers=math.prod(shape),
        make=make,
        ours=ours,
        torch=torchs,
    )


def of_optimizers(numbers: int, dtype: np.dtype[Any]) -> Iterator[Task]:
    """Yield every optimizer's step over one array, and the norm of it."""
    for name in optimizers.OPTIMIZERS:
        yield step_task(name, [(numbers,)], dtype)
    yield norm_task(numbers, dtype)


def step_task(name: str, shapes: Shapes, dtype: np.dtype[Any]) -> Task:
    """Return a step over arrays of these shapes."""
    count, numbers = len(shapes), sum(map(math.prod, shapes))
    states = optimizers.states_of(name) * numbers * 2 * max(4, dtype.itemsize)  # read and written

    def make() -> list[Array]:
        params = [normal(shape, dtype, seed, scale=0.01) for seed, shape in enumerate(shapes)]
        return params + [normal(shape, dtype, count + seed) for seed, shape in enumerate(shapes)]

    def ours(kernels: Any, arrays: list[Any]) -> Call:
        return optimizers.npfuse_call(name, arrays[:count], arrays[count:], kernels)

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        theirs = getattr(torch_module().optim, name, None)
        ways = [way for way in ("foreach", "fused") if theirs and way in inspect.signature(theirs).parameters]
        calls = {}
        for way in ways:
            params = [tensor.clone() for tensor in tensors[:count]]
            calls[f"torch {way}"] = optimizers.torch_call(name, {way: True}, params, tensors[count:])
        return calls

    return Task(
        family="optimizers",
        operation=name,
        workload=f"{arrays_in_words(shapes)} {dtype.name}",
        numbers=numbers,
        make=make,
        ours=ours,
        moved_besides=states + numbers * dtype.itemsize,
        torch=torchs,
    )


def small_steps() -> Task:
    """Return Adam's step over many small arrays."""
    return step_task("Adam", MANY_SMALL, np.dtype(np.float32))


def norm_task(numbers: int, dtype: np.dtype[Any]) -> Task:
    """Return the norm of an array."""
    return Task(
        family="norms",
        operation="global_norm",
        workload=f"{in_words((numbers,))} {dtype.name}",
        numbers=numbers,
        make=lambda: [normal((numbers,), dtype, 0)],
        ours=lambda kernels, arrays: functools.partial(kernels.global_norm, arrays),
        torch=lambda tensors: {"torch": lambda: torch_module().nn.utils.get_total_norm(tensors)},
    )
