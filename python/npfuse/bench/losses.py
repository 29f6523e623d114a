"""How each library computes a loss together with its gradient."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import npfuse as nf
from npfuse.bench import textbook
from npfuse.bench.contest import Contest

Call = Callable[[], Any]

TORCH: dict[str, Callable[..., Any]] = {
    "mse_loss": lambda functional, pred, target: functional.mse_loss(pred, target),
    "softmax_cross_entropy": lambda functional, pred, target: functional.cross_entropy(pred, target),
}

JAX: dict[str, Callable[..., Any]] = {
    "mse_loss": lambda jax, pred, target: jax.numpy.mean((pred - target) ** 2),
    "softmax_cross_entropy": lambda jax, pred, target: (
        -jax.numpy.mean(jax.numpy.take_along_axis(jax.nn.log_softmax(pred), target[:, None], axis=1))
    ),
}

NUMPY: dict[str, Callable[..., Any]] = {
    "mse_loss": textbook.mse_value_and_grad,
    "softmax_cross_entropy": textbook.softmax_cross_entropy_value_and_grad,
}


def torch_call(name: str, pred: Any, target: Any) -> Call:
    """Run forward and backward through autograd."""
    torch = importlib.import_module("torch")
    leaf, goal = torch.from_numpy(pred).requires_grad_(), torch.from_numpy(target)

    def call() -> tuple[Any, Any]:
        leaf.grad = None
        value = TORCH[name](torch.nn.functional, leaf, goal)
        value.backward()
        return value.detach(), leaf.grad

    return call


def jax_call(name: str, pred: Any, target: Any) -> Call:
    """Let XLA fuse value and gradient."""
    jax = importlib.import_module("jax")
    compiled = jax.jit(jax.value_and_grad(lambda pred, target: JAX[name](jax, pred, target)))
    arrays = jax.device_put((pred, target))
    return lambda: jax.block_until_ready(compiled(*arrays))


def loss_contest(name: str, shape: tuple[int, ...], peers: list[str]) -> Contest:
    """Set up one loss on float32 predictions; two dimensions mean scores of classes, with labels."""
    random = np.random.default_rng(0)
    pred = random.normal(size=shape).astype(np.float32)
    labels = len(shape) == 2
    target = random.integers(shape[-1], size=shape[0]) if labels else random.normal(size=shape).astype(np.float32)
    loss, grad = getattr(nf, name), np.empty_like(pred)
    calls: dict[str, Call] = {"npfuse": lambda: loss.value_and_grad(pred, target, out=grad)}
    if "numpy" in peers:
        calls["numpy"] = lambda: NUMPY[name](pred, target)
    if "torch" in peers and name in TORCH:
        calls["torch"] = torch_call(name, pred, target)
    if "jax" in peers and name in JAX:
        calls["jax"] = jax_call(name, pred, target)
    value, gradient = NUMPY[name](pred.astype(np.float64), target if labels else target.astype(np.float64))
    return Contest(calls, [value, gradient], bytes_moved=pred.nbytes * 2 + target.nbytes)
