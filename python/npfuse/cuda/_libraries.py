"""The array libraries whose arrays come and go: how each allocates, and which stream it works on.

None of them is imported here: an array that is handed over has brought its library along.
"""

from __future__ import annotations

import sys
from typing import Any

from npfuse.cuda import _storage


def library_of(array: Any) -> str:
    """Return the name of the package that an array comes from."""
    return type(array).__module__.split(".")[0]


def current_stream(array: Any, device: int) -> int:
    """Return the stream on which the array's library works now; 0 is the default stream."""
    library = library_of(array)
    if library == "torch":
        return int(sys.modules["torch"].cuda.current_stream(device).cuda_stream)
    if library == "cupy":
        with sys.modules["cupy"].cuda.Device(device):
            return int(sys.modules["cupy"].cuda.get_current_stream().ptr)
    return 0


def allocated_like(array: Any, shape: tuple[int, ...], storage: str, device: int, stream: int) -> Any:
    """Return an uninitialised array in C order from the library of another one."""
    library = library_of(array)
    if library == "torch":
        torch = sys.modules["torch"]
        return torch.empty(shape, dtype=getattr(torch, storage), device=f"cuda:{device}")
    if library == "cupy":
        cupy = sys.modules["cupy"]
        with cupy.cuda.Device(device), cupy.cuda.ExternalStream(stream):
            return cupy.empty(shape, dtype=_storage.as_dtype(storage))
    if library == "numba":
        numba_cuda = sys.modules["numba.cuda"]
        with numba_cuda.gpus[device]:
            return numba_cuda.device_array(shape, dtype=_storage.as_dtype(storage))
    from npfuse.cuda._array import Array

    return Array.empty(shape, storage, device, stream)


def address_of_stream(stream: Any) -> int:
    """Return the address of a stream of any library: an integer, or what has one."""
    if hasattr(stream, "__cuda_stream__"):
        return int(stream.__cuda_stream__()[1])
    for name in ("cuda_stream", "ptr"):  # of torch, of CuPy
        if hasattr(stream, name):
            return int(getattr(stream, name))
    if hasattr(stream, "handle"):  # of Numba
        return int(getattr(stream.handle, "value", stream.handle) or 0)
    if isinstance(stream, bool) or not isinstance(stream, int) or stream < 0:
        raise TypeError(f"stream must be a CUDA stream or its address, got {stream!r}")
    return stream
