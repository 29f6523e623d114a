"""How each library computes softmax and its kin along the last or the first axis."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse.bench import textbook
from npfuse.bench.contest import Contest

Array = NDArray[Any]

TORCH: dict[str, Callable[..., Any]] = {
    "softmax": lambda torch, x, axis, out: torch.softmax(x, axis, out=out),
    "log_softmax": lambda torch, x, axis, out: torch.log_softmax(x, axis, out=out),
    "logsumexp": lambda torch, x, axis, out: torch.logsumexp(x, axis),
}


def torch_backward(torch: Any, name: str, operands: list[Any], axis: int, out: Any) -> Any:
    """Call the kernel behind torch's autograd."""
    kernel = getattr(torch.ops.aten, f"_{name}_data").out
    output = {"grad_input" if name == "softmax_backward" else "out": out}
    return kernel(*operands, axis, torch.float32, **output)


def row_contest(name: str, shape: tuple[int, int], axis: int, peers: list[str]) -> Contest:
    """Set up one operation along rows, or its derivative from its output, on float32 numbers."""
    random = np.random.default_rng(0)
    x = random.normal(scale=3, size=shape).astype(np.float32)
    numpys, ours = getattr(textbook, name), getattr(nf, name)
    operands = [x]
    if name.endswith("_backward"):
        operands = [x, getattr(textbook, name.removesuffix("_backward"))(x, axis=axis)]
    expected = numpys(*(operand.astype(np.float64) for operand in operands), axis=axis)
    out = np.empty(expected.shape, np.float32)
    calls: dict[str, Callable[[], Any]] = {"npfuse": lambda: ours(*operands, axis=axis, out=out)}
    if "numpy" in peers:
        calls["numpy"] = lambda: numpys(*operands, axis=axis)
    if "scipy" in peers and not name.endswith("_backward"):
        scipys = getattr(importlib.import_module("scipy.special"), name)
        calls["scipy"] = lambda: scipys(x, axis=axis)
    if "torch" in peers:
        torch = importlib.import_module("torch")
        tensors = [torch.from_numpy(operand) for operand in operands]
        buffer = torch.empty(expected.shape)
        if name.endswith("_backward"):
            calls["torch"] = lambda: torch_backward(torch, name, tensors, axis, buffer)
        else:
            calls["torch"] = lambda: TORCH[name](torch, *tensors, axis, buffer)
    if "jax" in peers and not name.endswith("_backward"):
        jax = importlib.import_module("jax")
        compiled = jax.jit(lambda x: getattr(jax.nn, name)(x, axis=axis))
        on_device = jax.device_put(x)
        calls["jax"] = lambda: compiled(on_device).block_until_ready()
    return Contest(calls, [expected], bytes_moved=x.nbytes * len(operands) + out.nbytes)
