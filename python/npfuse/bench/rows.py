"""How each library computes softmax and its kin along the last or the first axis."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse import reference
from npfuse.bench.contest import Contest

Array = NDArray[Any]

TORCH: dict[str, Callable[..., Any]] = {
    "softmax": lambda torch, out, x, axis: torch.softmax(x, axis, out=out),
    "log_softmax": lambda torch, out, x, axis: torch.log_softmax(x, axis, out=out),
    "logsumexp": lambda torch, out, x, axis: torch.logsumexp(x, axis, out=out),
    "softmax_backward": lambda torch, out, dy, y, axis: torch.ops.aten._softmax_backward_data.out(
        dy, y, axis, dy.dtype, grad_input=out
    ),
    "log_softmax_backward": lambda torch, out, dy, y, axis: torch.ops.aten._log_softmax_backward_data.out(
        dy, y, axis, dy.dtype, out=out
    ),
}

SUMS = {"logsumexp"}
"""Those of one number per row, whose derivative is of the input; that of the others is of the output."""


def operands_of(name: str, shape: tuple[int, int], axis: int) -> list[Array]:
    """Return x, or dy and what else the derivative takes."""
    random = np.random.default_rng(0)
    x = random.normal(scale=3, size=shape).astype(np.float32)
    forward = name.removesuffix("_backward")
    if forward == name:
        return [x]
    y = getattr(reference, forward)(x, axis=axis)
    return [random.normal(size=y.shape).astype(np.float32), x if forward in SUMS else y]


def row_contest(name: str, shape: tuple[int, int], axis: int, peers: list[str]) -> Contest:
    """Set up one operation along rows, or its derivative, on float32 numbers."""
    backward = name.endswith("_backward")
    operands = operands_of(name, shape, axis)
    numpys, ours = getattr(reference, name), getattr(nf, name)
    expected = numpys(*(operand.astype(np.float64) for operand in operands), axis=axis)
    out = np.empty(expected.shape, np.float32)
    sums_back = backward and name.removesuffix("_backward") in SUMS
    along: dict[str, Any] = {"axes": [(), axis, axis]} if sums_back else {"axis": axis}
    calls: dict[str, Callable[[], Any]] = {"npfuse": lambda: ours(*operands, **along, out=out)}
    if "numpy" in peers:
        calls["numpy"] = lambda: numpys(*operands, axis=axis)
    if "scipy" in peers and not backward:
        scipys = getattr(importlib.import_module("scipy.special"), name)
        calls["scipy"] = lambda: scipys(*operands, axis=axis)
    if "torch" in peers and name in TORCH:
        torch = importlib.import_module("torch")
        tensors = [torch.from_numpy(operand) for operand in operands]
        buffer = torch.empty(expected.shape)
        calls["torch"] = lambda: TORCH[name](torch, buffer, *tensors, axis)
    if "jax" in peers and not backward:
        jax = importlib.import_module("jax")
        compiled = jax.jit(functools.partial(getattr(jax.nn, name), axis=axis))
        arrays = jax.device_put(operands)
        calls["jax"] = lambda: compiled(*arrays).block_until_ready()
    bytes_moved = sum(operand.nbytes for operand in operands) + out.nbytes
    return Contest(calls, [expected], bytes_moved)
