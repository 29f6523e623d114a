"""Where the network computes: on the CPU, or on a GPU, where an array library multiplies the matrices."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf


@dataclass(frozen=True)
class Place:
    """The kernels there, and the way of arrays there and back."""

    kernels: Any
    put: Callable[[NDArray[Any]], Any]
    get: Callable[[Any], NDArray[Any]]
    waits: bool
    """Whether a call returns when its work is done, so that it can be timed by itself."""


ON_CPU = Place(nf, put=lambda array: array, get=lambda array: array, waits=True)


def on_gpu() -> Place:
    """Return the GPU, with whichever of CuPy and PyTorch is installed; end with the reason where there is none."""
    from npfuse import cuda
    from npfuse.cuda._device import reason_against

    reason = reason_against()
    if reason is not None:
        raise SystemExit(f"--device cuda: {reason}")
    for find in (_cupy, _torch):
        found = find(cuda)
        if found is not None:
            return found
    raise SystemExit("--device cuda: matrix products need CuPy or PyTorch, built for this GPU; neither is installed")


def _cupy(kernels: Any) -> Place | None:
    if importlib.util.find_spec("cupy") is None:
        return None
    cupy = importlib.import_module("cupy")
    return Place(kernels, cupy.asarray, cupy.asnumpy, waits=False) if cupy.cuda.is_available() else None


def _torch(kernels: Any) -> Place | None:
    if importlib.util.find_spec("torch") is None:
        return None
    torch = importlib.import_module("torch")

    def put(array: NDArray[Any]) -> Any:
        return torch.from_numpy(np.ascontiguousarray(array)).to("cuda")

    def get(tensor: Any) -> NDArray[Any]:
        numbers: NDArray[Any] = tensor.cpu().numpy()
        return numbers

    return Place(kernels, put, get, waits=False) if torch.cuda.is_available() else None


PLACES: dict[str, Callable[[], Place]] = {"cpu": lambda: ON_CPU, "cuda": on_gpu}
