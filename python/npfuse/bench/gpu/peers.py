"""The array libraries of the GPU that we are compared with: which are there, and how arrays get to them."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npfuse.bench.gpu.task import Array, Call, Task

PEERS = ("torch", "cupy")


def present(wanted: Sequence[str]) -> list[str]:
    """Return those of the wanted peers that can use a GPU here."""
    installed = [peer for peer in PEERS if peer in wanted and importlib.util.find_spec(peer) is not None]
    return [peer for peer in installed if importlib.import_module(peer).cuda.is_available()]


def to_torch(array: Array, device: str = "cuda") -> Any:
    """Return torch's copy of an array, bfloat16 included."""
    torch = importlib.import_module("torch")
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16).to(device)
    return torch.from_numpy(array.copy()).to(device)


def from_torch(tensor: Any) -> Array:
    """Return a tensor as a NumPy array, half types as float32."""
    numbers: Array = tensor.detach().cpu().float().numpy() if tensor.is_floating_point() else tensor.cpu().numpy()
    return numbers


def torch_ways(task: Task, sets: Sequence[Sequence[Array]]) -> dict[str, list[Call]]:
    """Return torch's calls by the names of its ways, one for each set of arrays."""
    if task.torch is None:
        return {}
    ways = [task.torch([to_torch(array) for array in arrays]) for arrays in sets]
    return {name: [way[name] for way in ways] for name in ways[0]}


def cupy_ways(task: Task, sets: Sequence[Sequence[Array]]) -> dict[str, list[Call]]:
    """Return CuPy's calls of the reference formula; it has no bfloat16."""
    if task.reference is None or any(array.dtype.name == "bfloat16" for array in sets[0]):
        return {}
    cupy = importlib.import_module("cupy")
    return {"cupy": [task.reference([cupy.asarray(array) for array in arrays]) for arrays in sets]}


WAYS: dict[str, Callable[[Task, Sequence[Sequence[Array]]], dict[str, list[Call]]]] = {
    "torch": torch_ways,
    "cupy": cupy_ways,
}


def as_numpy(result: Any) -> Array:
    """Return what anybody computed as a NumPy array."""
    if hasattr(result, "is_floating_point"):
        return from_torch(result)
    return np.asarray(result.get() if hasattr(result, "get") else result)
