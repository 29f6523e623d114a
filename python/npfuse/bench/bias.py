"""How each library adds a bias and applies an activation, or takes both gradients of that."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import npfuse as nf
from npfuse import _native, reference
from npfuse.bench.activations import JAX, TORCH
from npfuse.bench.contest import Contest

Call = Callable[[], Any]


def numpy_call(activation: str, operands: list[Any], parameters: list[float]) -> Call:
    """Add, then apply; of the derivative, sum over the rows."""
    *dy, x, bias = operands
    if not dy:
        forward = getattr(reference, activation)
        return lambda: forward(x + bias, *parameters)
    backward = getattr(reference, f"{activation}_backward")

    def call() -> tuple[Any, Any]:
        dx = backward(*dy, x + bias, *parameters)
        dx = dx[0] if activation == "prelu" else dx  # its second is the gradient of the slope
        return dx, dx.sum(axis=0)

    return call


def torch_call(activation: str, tensors: list[Any], parameters: list[float]) -> Call | None:
    """Add into a buffer, then call torch's kernel on it."""
    torch = importlib.import_module("torch")
    *dy, x, bias = tensors
    kernel = TORCH.get(f"{activation}_backward" if dy else activation)
    if kernel is None:
        return None
    shifted, out, dbias = torch.empty_like(x), torch.empty_like(x), torch.empty_like(bias)

    def forward() -> Any:
        return kernel(torch, out, torch.add(x, bias, out=shifted), *parameters)

    def backward() -> tuple[Any, Any]:
        dx = kernel(torch, out, *dy, torch.add(x, bias, out=shifted), *parameters)
        return dx, torch.sum(dx, 0, out=dbias)

    return backward if dy else forward


def torch_call_on_arrays(activation: str, operands: list[Any], parameters: list[float]) -> Call | None:
    """Call torch on tensors that share our memory."""
    torch = importlib.import_module("torch")
    return torch_call(activation, [torch.from_numpy(operand) for operand in operands], parameters)


def jax_call(activation: str, operands: list[Any], parameters: list[float]) -> Call | None:
    """Let XLA fuse the sum, and derive both gradients."""
    if activation not in JAX:
        return None
    jax = importlib.import_module("jax")

    def forward(x: Any, bias: Any) -> Any:
        return JAX[activation](jax.nn, x + bias, *parameters)

    def backward(dy: Any, x: Any, bias: Any) -> Any:
        return jax.vjp(forward, x, bias)[1](dy)

    compiled = jax.jit(backward if len(operands) == 3 else forward)
    arrays = jax.device_put(operands)
    return lambda: jax.block_until_ready(compiled(*arrays))


PEER_CALLS = {"numpy": numpy_call, "torch": torch_call_on_arrays, "jax": jax_call}


def bias_contest(name: str, activation: str, shape: tuple[int, int], peers: list[str]) -> Contest:
    """Set up bias_act or bias_act_backward with one activation on float32 rows."""
    random = np.random.default_rng(0)
    shapes = [shape, shape, shape[-1:]] if name.endswith("_backward") else [shape, shape[-1:]]
    operands = [random.normal(scale=3, size=shape).astype(np.float32) for shape in shapes]
    named = _native.activation_parameters[activation]
    parameters = list(named.values())
    ours, out = getattr(nf, name), np.empty(shape, np.float32)
    calls: dict[str, Call] = {"npfuse": lambda: ours(*operands, activation, out=out, **named)}
    for peer, make_call in PEER_CALLS.items():
        call = make_call(activation, operands, parameters) if peer in peers else None
        if call is not None:
            calls[peer] = call
    expected = numpy_call(activation, [operand.astype(np.float64) for operand in operands], parameters)()
    bytes_moved = sum(operand.nbytes for operand in operands) + out.nbytes
    return Contest(calls, expected if isinstance(expected, tuple) else [expected], bytes_moved)
