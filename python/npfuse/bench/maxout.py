"""How each library takes the largest of every few neighbours, or sends the gradient back to it."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse import reference
from npfuse.bench.contest import Contest

Array = NDArray[Any]
Call = Callable[[], Any]

PIECES = 4


def split(shape: tuple[int, int]) -> tuple[int, int, int]:
    """Return the shape with an axis of its own for the pieces of the last."""
    return shape[0], shape[1] // PIECES, PIECES


def forward_calls(x: Array, peers: list[str]) -> dict[str, Call]:
    """Return everyone's maximum."""
    calls: dict[str, Call] = {"npfuse": lambda: nf.maxout(x, PIECES)}
    out = np.empty((x.shape[0], x.shape[1] // PIECES), np.float32)
    if "numpy" in peers:
        calls["numpy"] = lambda: reference.maxout(x, PIECES, out=out)
    if "torch" in peers:
        torch = importlib.import_module("torch")
        tensor, buffer = torch.from_numpy(x).reshape(split(x.shape)), torch.empty(out.shape)
        calls["torch"] = lambda: torch.amax(tensor, -1, out=buffer)
    if "jax" in peers:
        jax = importlib.import_module("jax")
        compiled = jax.jit(lambda x: x.reshape(split(x.shape)).max(-1))
        array = jax.device_put(x)
        calls["jax"] = lambda: compiled(array).block_until_ready()
    return calls


def backward_calls(dy: Array, index: Array, peers: list[str]) -> dict[str, Call]:
    """Return everyone's way of putting gradients where the index says."""
    calls: dict[str, Call] = {"npfuse": lambda: nf.maxout_backward(dy, index, PIECES)}
    if "numpy" in peers:
        calls["numpy"] = lambda: reference.maxout_backward(dy, index, PIECES)
    if "torch" in peers:
        torch = importlib.import_module("torch")
        gradient, where = torch.from_numpy(dy)[..., None], torch.from_numpy(index.astype(np.int64))[..., None]
        parts = torch.empty((*dy.shape, PIECES))
        calls["torch"] = lambda: parts.zero_().scatter_(-1, where, gradient).reshape(len(dy), -1)
    if "jax" in peers:
        jax = importlib.import_module("jax")
        pieces = jax.numpy.arange(PIECES)
        compiled = jax.jit(lambda dy, index: ((index[..., None] == pieces) * dy[..., None]).reshape(len(dy), -1))
        arrays = jax.device_put((dy, index))
        calls["jax"] = lambda: compiled(*arrays).block_until_ready()
    return calls


def maxout_contest(name: str, shape: tuple[int, int], peers: list[str]) -> Contest:
    """Set up maxout or its derivative on float32 rows."""
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    if name == "maxout":
        return Contest(forward_calls(x, peers), [reference.maxout(x, PIECES)], x.nbytes + x.nbytes // PIECES)
    dy, index = nf.maxout(x, PIECES, return_index=True)
    expected = reference.maxout_backward(dy, index, PIECES)
    return Contest(backward_calls(dy, index, peers), [expected], dy.nbytes + index.nbytes + x.nbytes)
