"""How each library computes a gated unit, of two arrays or of the halves of one, or its gradients."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import npfuse as nf
from npfuse import reference
from npfuse.bench.contest import Contest

Call = Callable[[], Any]

GATES = {"sigmoid_glu": "sigmoid", "swiglu": "silu", "geglu": "gelu", "reglu": "relu"}


def torch_call(name: str, operands: list[Any]) -> Call | None:
    """Multiply the activation's result; torch has no fused unit, and its autograd keeps both factors."""
    if name.endswith("_backward"):
        return None
    torch = importlib.import_module("torch")
    activation = getattr(torch.nn.functional, GATES[name])
    gate, x = (torch.from_numpy(operand) for operand in operands)
    out = torch.empty_like(x)
    return lambda: torch.mul(activation(gate), x, out=out)


def jax_call(name: str, operands: list[Any]) -> Call:
    """Let XLA fuse the product, and derive both gradients."""
    jax = importlib.import_module("jax")
    exactly = {"approximate": False} if name.startswith("geglu") else {}
    activation = functools.partial(getattr(jax.nn, GATES[name.removesuffix("_backward")]), **exactly)

    def product(gate: Any, x: Any) -> Any:
        return activation(gate) * x

    def gradients(dy: Any, gate: Any, x: Any) -> Any:
        return jax.vjp(product, gate, x)[1](dy)

    compiled = jax.jit(gradients if name.endswith("_backward") else product)
    arrays = jax.device_put(operands)
    return lambda: jax.block_until_ready(compiled(*arrays))


def gated_contest(name: str, n: int, peers: list[str]) -> Contest:
    """Set up one gated unit, or its derivative, on n float32 numbers."""
    random = np.random.default_rng(0)
    outputs = 2 if name.endswith("_backward") else 1
    operands = [random.normal(scale=3, size=n).astype(np.float32) for _ in range(outputs + 1)]
    out = tuple(np.empty(n, np.float32) for _ in range(outputs))
    ours, numpys = getattr(nf, name), getattr(reference, name)
    calls: dict[str, Call] = {"npfuse": lambda: ours(*operands, out=out)}
    if "numpy" in peers:
        calls["numpy"] = lambda: numpys(*operands)
    torchs = torch_call(name, operands) if "torch" in peers else None
    if torchs is not None:
        calls["torch"] = torchs
    if "jax" in peers:
        calls["jax"] = jax_call(name, operands)
    expected = numpys(*(operand.astype(np.float64) for operand in operands))
    return Contest(calls, expected if outputs == 2 else [expected], bytes_moved=4 * n * (len(operands) + outputs))


def glu_contest(name: str, shape: tuple[int, int], peers: list[str]) -> Contest:
    """Set up the unit of one array, or its derivative, on float32 rows."""
    random = np.random.default_rng(0)
    x = random.normal(scale=3, size=shape).astype(np.float32)
    dy = random.normal(size=(shape[0], shape[1] // 2)).astype(np.float32)
    operands = [dy, x] if name == "glu_backward" else [x]
    ours, numpys = getattr(nf, name), getattr(reference, name)
    calls: dict[str, Call] = {"npfuse": lambda: ours(*operands)}
    if "numpy" in peers:
        calls["numpy"] = lambda: numpys(*operands)
    if "torch" in peers:
        calls["torch"] = torch_glu_call(operands)
    if "jax" in peers:
        jax = importlib.import_module("jax")
        compiled = jax.jit(
            lambda *given: jax.vjp(jax.nn.glu, given[1])[1](given[0])[0] if given[1:] else jax.nn.glu(*given)
        )
        arrays = jax.device_put(operands)
        calls["jax"] = lambda: jax.block_until_ready(compiled(*arrays))
    expected = numpys(*(operand.astype(np.float64) for operand in operands))
    return Contest(calls, [expected], bytes_moved=dy.nbytes + x.nbytes * len(operands))


def torch_glu_call(operands: list[Any]) -> Call:
    """Call torch's kernel on tensors that share our memory."""
    torch = importlib.import_module("torch")
    tensors = [torch.from_numpy(operand) for operand in operands]
    if len(tensors) == 1:
        out = torch.empty((len(tensors[0]), tensors[0].shape[1] // 2))
        return lambda: torch.ops.aten.glu.out(*tensors, -1, out=out)
    dx = torch.empty_like(tensors[1])
    return lambda: torch.ops.aten.glu_backward.grad_input(*tensors, -1, grad_input=dx)
