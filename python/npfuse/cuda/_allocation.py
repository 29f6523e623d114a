"""New arrays, from the library that another array is of."""

from __future__ import annotations

import sys
from typing import Any

from npfuse.cuda import _storage
from npfuse.cuda._array import Array
from npfuse.cuda._device import Place
from npfuse.cuda._libraries import library_of


def allocated_like(array: Any, shape: tuple[int, ...], storage: str, place: Place) -> Any:
    """Return an uninitialised array in C order from the library of another one."""
    library, device = library_of(array), place.device
    if library == "torch":
        torch = sys.modules["torch"]
        return torch.empty(shape, dtype=getattr(torch, storage), device=f"cuda:{device}")
    if library == "cupy":
        cupy = sys.modules["cupy"]
        with cupy.cuda.Device(device), cupy.cuda.ExternalStream(place.stream):
            return cupy.empty(shape, dtype=_storage.as_dtype(storage))
    if library == "numba":
        numba_cuda = sys.modules["numba.cuda"]
        with numba_cuda.gpus[device]:
            return numba_cuda.device_array(shape, dtype=_storage.as_dtype(storage))
    return Array.taken(shape, storage, place)
