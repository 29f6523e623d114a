"""How each library takes an optimizer's step over a list of arrays."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse.bench import textbook
from npfuse.bench.contest import Contest

Arrays = list[NDArray[Any]]
Call = Callable[[], Any]

LEARNING_RATE = 0.001
SETTINGS: dict[str, dict[str, Any]] = {"Adam": {}, "SGD": {"momentum": 0.9}}
ARRAYS_TOUCHED = {"Adam": 7, "SGD": 5}
"""Reads and writes of each number: parameter, gradient and state."""


def numpy_call(name: str, params: Arrays, grads: Arrays) -> Call:
    """Loop over the arrays, as one does."""
    count = 0
    states = [[np.zeros_like(param) for _ in range(2 if name == "Adam" else 1)] for param in params]
    update: Callable[[Any, Any, list[Any], int], None]
    update = textbook.adam_step if name == "Adam" else textbook.sgd_step

    def call() -> Arrays:
        nonlocal count
        count += 1
        for param, grad, state in zip(params, grads, states, strict=True):
            update(param, grad, state, count)
        return params

    return call


def torch_call(name: str, params: Arrays, grads: Arrays) -> Call:
    """Take torch's fused step."""
    torch = importlib.import_module("torch")
    tensors = [torch.from_numpy(param) for param in params]
    for tensor, grad in zip(tensors, grads, strict=True):
        tensor.grad = torch.from_numpy(grad)
    optimizer = getattr(torch.optim, name)(tensors, lr=LEARNING_RATE, fused=True, **SETTINGS[name])

    def call() -> Arrays:
        optimizer.step()
        return params

    return call


def npfuse_call(name: str, params: Arrays, grads: Arrays) -> Call:
    """Take our own step."""
    optimizer = getattr(nf, name)(params, lr=LEARNING_RATE, **SETTINGS[name])

    def call() -> Arrays:
        optimizer.step(grads)
        return params

    return call


CALLS = {"npfuse": npfuse_call, "numpy": numpy_call, "torch": torch_call}


def optimizer_contest(name: str, shapes: list[tuple[int, ...]], peers: list[str]) -> Contest:
    """Set up one optimizer over float32 arrays of these shapes."""
    random = np.random.default_rng(0)
    params = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    grads = [random.normal(size=shape).astype(np.float32) for shape in shapes]

    def copies(dtype: type) -> tuple[Arrays, Arrays]:
        return [param.astype(dtype) for param in params], [grad.astype(dtype) for grad in grads]

    calls = {who: call(name, *copies(np.float32)) for who, call in CALLS.items() if who in ("npfuse", *peers)}
    expected = numpy_call(name, *copies(np.float64))()
    numbers = sum(param.size for param in params)
    return Contest(calls, expected, bytes_moved=4 * numbers * ARRAYS_TOUCHED[name])
