"""Activations, gated units and their derivatives on a GPU; with a bias, and with a slope that is learnt."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from npfuse import _native
from npfuse.bench import activations, bias, gated
from npfuse.bench.gpu.task import Array, Call, Task, calling, normal, plain, torch_module
from npfuse.bench.suite import both_ways, in_words

COLUMNS = 4096


def elementwise(numbers: int, dtype: np.dtype[Any]) -> Iterator[Task]:
    """Yield every one of them."""
    for name, parameters in _native.activation_parameters.items():
        yield task(name, list(parameters.values()), 1, 1, numbers, dtype)
        if name not in _native.parameter_backward_ufuncs:
            yield task(f"{name}_backward", list(parameters.values()), 2, 1, numbers, dtype)
    for name in _native.operations["gated"]:
        yield task(name, [], 2, 1, numbers, dtype)
        yield task(f"{name}_backward", [], 3, 2, numbers, dtype)
    shape = max(1, numbers // COLUMNS), min(COLUMNS, numbers)
    for activation in ("relu", "gelu"):
        for name in both_ways("bias_act"):
            yield bias_task(name, activation, shape, dtype)
    yield slope_task(shape, dtype)


def task(name: str, parameters: list[float], inputs: int, outputs: int, numbers: int, dtype: np.dtype[Any]) -> Task:
    """Return a function of each number."""

    def make() -> list[Array]:
        operands = [normal((numbers,), dtype, seed, scale=3) for seed in range(inputs)]
        return operands + [np.zeros(numbers, dtype) for _ in range(outputs)]

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        torch, out = torch_module(), tensors[-1]
        if name in activations.TORCH:
            kernel = activations.TORCH[name]
            return {"torch": lambda: kernel(torch, out, *tensors[:inputs], *parameters)}
        if name in gated.GATES:
            activation = getattr(torch.nn.functional, gated.GATES[name])
            return {"torch": lambda: torch.mul(activation(tensors[0]), tensors[1], out=out)}
        return {}

    return Task(
        family="elementwise",
        operation=name,
        workload=f"{in_words((numbers,))} {dtype.name}",
        numbers=numbers,
        make=make,
        ours=calling(name, parameters, inputs),
        torch=torchs,
        reference=plain(name, parameters, inputs),
    )


def bias_task(name: str, activation: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> Task:
    """Return an activation fused with a bias, or its derivative by both."""
    backward = name.endswith("_backward")
    shapes = [shape, shape, shape[1:]] if backward else [shape, shape[1:]]
    parameters = _native.activation_parameters[activation]

    def make() -> list[Array]:
        operands = [normal(each, dtype, seed) for seed, each in enumerate(shapes)]
        return [*operands, np.zeros(shape, dtype)]

    def ours(kernels: Any, arrays: list[Any]) -> Call:
        function = getattr(kernels, name)
        return lambda: function(*arrays[:-1], activation, out=arrays[-1], **parameters)

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        call = bias.torch_call(activation, tensors[:-1], list(parameters.values()))
        return {} if call is None else {"torch": call}

    return Task(
        family="elementwise",
        operation=name,
        workload=f"{activation} {in_words(shape)} {dtype.name}",
        numbers=math.prod(shape),
        make=make,
        ours=ours,
        torch=torchs,
    )


def slope_task(shape: tuple[int, int], dtype: np.dtype[Any]) -> Task:
    """Return the derivative of prelu, by its slopes for each column, too."""

    def ours(kernels: Any, arrays: list[Any]) -> Call:
        return lambda: kernels.prelu_backward(*arrays)

    def torchs(tensors: list[Any]) -> dict[str, Call]:
        torch = torch_module()

        def call() -> Any:
            dx, dslope = torch.ops.aten._prelu_kernel_backward(*tensors)
            return dx, dslope.sum(0)

        return {"torch": call}

    return Task(
        family="elementwise",
        operation="prelu_backward",
        workload=f"{in_words(shape)} {dtype.name}",
        numbers=math.prod(shape),
        make=lambda: [normal(shape, dtype, 0), normal(shape, dtype, 1), normal(shape[1:], dtype, 2)],
        ours=ours,
        moved_besides=math.prod(shape) * dtype.itemsize,
        torch=torchs,
    )
