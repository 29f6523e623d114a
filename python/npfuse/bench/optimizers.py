"""How each library takes an optimizer's step over a list of arrays."""

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse import reference
from npfuse.bench.contest import Contest

Arrays = list[NDArray[Any]]
Shapes = list[tuple[int, ...]]
Call = Callable[[], Any]

OPTIMIZERS = [name for name in nf.optimizers.__all__ if isinstance(getattr(nf, name), type) and name != "Optimizer"]

SETTINGS: dict[str, dict[str, Any]] = {"SGD": {"momentum": 0.9}}
LEARNING_RATE = 0.1
"""Large, so that the steps are seen beside the parameters when results are compared."""


def make(name: str, params: list[Any], kernels: Any = nf) -> nf.Optimizer:
    """Return our optimizer of these parameters, which lie where the kernels run."""
    optimizer: nf.Optimizer = getattr(kernels, name)(params, lr=LEARNING_RATE, **SETTINGS.get(name, {}))
    return optimizer


def npfuse_call(name: str, params: list[Any], grads: list[Any], kernels: Any = nf) -> Call:
    """Take our own step."""
    optimizer = make(name, params, kernels)

    def call() -> list[Any]:
        optimizer.step(grads)
        return params

    return call


def numpy_call(name: str, params: Arrays, grads: Arrays) -> Call:
    """Loop over the arrays, as one does; settings and states are those that ours has."""
    ours = make(name, params)
    formula = getattr(reference, name.lower())
    settings = {**ours.groups[0], **SETTINGS.get(name, {}), "decoupled_weight_decay": name in ("AdamW", "Lion")}
    states = [{word: array.copy() for word, array in state.items()} for state in ours.state]
    count = 0

    def call() -> Arrays:
        nonlocal count
        count += 1
        for i, (grad, state) in enumerate(zip(grads, states, strict=True)):
            params[i] = reference.take_step(formula, params[i], grad, state, count, settings)
        return params

    return call


def torch_call(name: str, options: dict[str, bool], params: list[Any], grads: list[Any]) -> Call:
    """Take torch's step on tensors in one of its ways."""
    torch = importlib.import_module("torch")
    for tensor, grad in zip(params, grads, strict=True):
        tensor.grad = grad
    optimizer = getattr(torch.optim, name)(params, lr=LEARNING_RATE, **SETTINGS.get(name, {}), **options)

    def call() -> list[Any]:
        optimizer.step()
        return params

    return call


def torch_call_on_arrays(name: str, options: dict[str, bool], params: Arrays, grads: Arrays) -> Call:
    """Take torch's step on tensors that share our memory."""
    torch = importlib.import_module("torch")
    return torch_call(name, options, *([torch.from_numpy(array) for array in arrays] for arrays in (params, grads)))


def makers(name: str, peers: list[str]) -> dict[str, Callable[[Arrays, Arrays], Call]]:
    """Return who takes this step, torch in each of the ways it has for it: a loop, lists of tensors, one kernel."""
    found: dict[str, Callable[[Arrays, Arrays], Call]] = {"npfuse": functools.partial(npfuse_call, name)}
    if "numpy" in peers:
        found["numpy"] = functools.partial(numpy_call, name)
    theirs = getattr(importlib.import_module("torch").optim, name, None) if "torch" in peers else None
    if theirs is not None:
        ways = [way for way in ("foreach", "fused") if way in inspect.signature(theirs).parameters]
        found["torch"] = functools.partial(torch_call_on_arrays, name, {"foreach": False})
        found.update({f"torch {way}": functools.partial(torch_call_on_arrays, name, {way: True}) for way in ways})
    return found


def states_of(name: str) -> int:
    """Return how many state arrays it has for each parameter."""
    return len(make(name, [np.zeros(1)]).state[0])


def optimizer_contest(name: str, shapes: Shapes, peers: list[str]) -> Contest:
    """Set up one optimizer over float32 arrays of these shapes."""
    random = np.random.default_rng(0)
    params = [random.normal(scale=0.01, size=shape).astype(np.float32) for shape in shapes]
    grads = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    calls = {who: make([param.copy() for param in params], grads) for who, make in makers(name, peers).items()}
    exact = [[array.astype(np.float64) for array in arrays] for arrays in (params, grads)]
    expected = numpy_call(name, exact[0], exact[1])()
    touched = 3 + 2 * states_of(name)  # parameter and states in and out, the gradient in
    return Contest(calls, expected, bytes_moved=4 * sum(param.size for param in params) * touched)
