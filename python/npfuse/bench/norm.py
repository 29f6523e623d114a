"""How each library takes the norm of many arrays together."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import npfuse as nf
from npfuse import reference
from npfuse.bench.contest import Contest


def norm_contest(shapes: list[tuple[int, ...]], peers: list[str]) -> Contest:
    """Set up the norm of float32 arrays of these shapes."""
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    calls: dict[str, Callable[[], Any]] = {"npfuse": lambda: nf.global_norm(arrays)}
    if "numpy" in peers:
        calls["numpy"] = lambda: reference.global_norm(arrays)
    if "torch" in peers:
        torch = importlib.import_module("torch")
        tensors = [torch.from_numpy(array) for array in arrays]
        calls["torch"] = lambda: torch.nn.utils.get_total_norm(tensors, foreach=False)
        calls["torch foreach"] = lambda: torch.nn.utils.get_total_norm(tensors, foreach=True)
    expected = reference.global_norm([array.astype(np.float64) for array in arrays])
    return Contest(calls, [expected], bytes_moved=sum(array.nbytes for array in arrays))
