"""A call of each kind, long enough that threads share it: for the programs that interrupt, fork and exit meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import npfuse as nf

SIZE = 200_000


def calls() -> dict[str, Callable[[], bytes]]:
    """Return by name calls that return the bits of their result; the state of an optimizer starts over each time."""
    random = np.random.default_rng(0)
    x, dy = (random.normal(size=SIZE).astype(np.float32) for _ in range(2))
    matrix, labels = x.reshape(1000, 200), random.integers(0, 200, 1000)

    def step() -> bytes:
        params = [x.copy(), dy[:100].copy()]
        nf.Adam(params).step([dy, x[:100]])
        return params[0].tobytes()

    def sgd_step() -> bytes:
        param = x.copy()
        nf.sgd_step(param, dy, step=1, lr=0.1)
        return param.tobytes()

    return {
        "activation": lambda: nf.gelu(x).tobytes(),
        "backward": lambda: nf.silu_backward(dy, x).tobytes(),
        "half": lambda: nf.tanh(x.astype(np.float16)).tobytes(),
        "bias": lambda: nf.bias_act_backward(matrix, matrix, x[:200], "gelu")[1].tobytes(),
        "rows": lambda: nf.softmax(matrix).tobytes(),
        "columns": lambda: nf.log_softmax(matrix, axis=0).tobytes(),
        "loss": lambda: nf.huber_loss.value_and_grad(x, dy)[1].tobytes(),
        "row loss": lambda: nf.softmax_cross_entropy.value_and_grad(matrix, labels)[1].tobytes(),
        "step": step,
        "step function": sgd_step,
        "norm": lambda: np.float64(nf.global_norm([x, dy])).tobytes(),
    }


KINDS = list(calls())
