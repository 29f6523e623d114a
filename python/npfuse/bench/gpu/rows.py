"""Softmax and its kin, maxout and the unit of one array on a GPU."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import npfuse as nf
from npfuse import _native
from npfuse.bench import maxout, rows
from npfuse.bench.gpu.task import Array, Call, Task, calling, normal, plain, torch_module
from npfuse.bench.suite import both_ways, in_words

LENGTHS = (1024, 32768)
"""By a warp, and by a block."""

COLUMNS = 4096


def of_rows(numbers: int, dtype: np.dtype[Any], lengths: tuple[int, ...] = LENGTHS) -> Iterator[Task]:
    """Yield every one of them."""
    for length in lengths:
        for forward in _native.operations["rows"]:
            for name in both_ways(forward):
                yield row_task(name, shaped(numbers, length), dtype)
    for name in both_ways("maxout"):
        yield maxout_task(name, shaped(numbers, COLUMNS), dtype)
    for name in both_ways("glu"):
        yield glu_task(name, shaped(numbers, COLUMNS), dtype)


def shaped(numbers: int, length: int) -> tuple[int, int]:
    """Return the shape of about so many numbers in rows of a length."""
    return max(1, numbers // length), length


def described(name: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return what a task of rows is called and how large it is."""
    return {
        "family": "rows",
        "operation": name,
        "workload": f"{in_words(shape)} {dtype.name}",
        "numbers": math.prod(shape),
    }


def row_task(name: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> Task:
    """Return softmax, its logarithm or the logarithm of the sum, or a derivative."""
    forward = name.removesuffix("_backward")
    of_sums = forward in rows.SUMS
    inputs = 1 if forward == name else 2
    of_results = shape[:1] if of_sums else shape

    def make() -> list[Array]:
        x = normal(shape, dtype, 0, scale=3)
        if forward == name:
            return [x, np.zeros(of_results, dtype)]
        return [normal(of_results, dtype, 1), x if of_sums else getattr(nf, forward)(x), np.zeros(shape, dtype)]

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        torch, kernel = torch_module(), rows.TORCH.get(name)
        return {} if kernel is None else {"torch": lambda: kernel(torch, tensors[-1], *tensors[:-1], -1)}

    return Task(
        **described(name, shape, dtype),
        make=make,
        ours=calling(name, [], inputs),
        torch=torchs,
        reference=plain(name, [], inputs),
    )


def maxout_task(name: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> Task:
    """Return maxout of neighbours, or its derivative."""
    results = shape[0], shape[1] // maxout.PIECES

    def make() -> list[Array]:
        x = normal(shape, dtype, 0)
        if name == "maxout":
            return [x]
        return [normal(results, dtype, 1), nf.maxout(x, maxout.PIECES, return_index=True)[1].astype(np.int32)]

    def ours(kernels: Any, arrays: list[Any]) -> Call:
        function = getattr(kernels, name)
        return lambda: function(*arrays, maxout.PIECES)

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        torch = torch_module()
        if name == "maxout":
            return {"torch": lambda: torch.amax(tensors[0].reshape(maxout.split(shape)), -1)}
        gradient, where = tensors[0][..., None], tensors[1].long()[..., None]
        parts = torch.empty(maxout.split(shape), dtype=gradient.dtype, device=gradient.device)
        return {"torch": lambda: parts.zero_().scatter_(-1, where, gradient).reshape(shape)}

    return Task(
        **described(name, shape, dtype),
        make=make,
        ours=ours,
        moved_besides=math.prod(results if name == "maxout" else shape) * dtype.itemsize,
        torch=torchs,
    )


def glu_task(name: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> Task:
    """Return the gated unit of the halves of one array, or its derivative."""
    results = shape[0], shape[1] // 2

    def make() -> list[Array]:
        x = normal(shape, dtype, 0, scale=3)
        return [x] if name == "glu" else [normal(results, dtype, 1), x]

    def ours(kernels: Any, arrays: list[Any]) -> Call:
        function = getattr(kernels, name)
        return lambda: function(*arrays)

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        aten = torch_module().ops.aten
        function = aten.glu if name == "glu" else aten.glu_backward
        return {"torch": lambda: function(*tensors, -1)}

    return Task(
        **described(name, shape, dtype),
        make=make,
        ours=ours,
        moved_besides=math.prod(results if name == "glu" else shape) * dtype.itemsize,
        torch=torchs,
    )
