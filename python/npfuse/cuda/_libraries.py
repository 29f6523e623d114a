"""The array libraries whose arrays come and go, and which stream each works on.

None of them is imported here: an array that is handed over has brought its library along.
"""

from __future__ import annotations

import sys
from typing import Any

OF_KNOWN_STREAMS = {"torch", "cupy", "numba"}
"""Libraries whose current stream can be asked for."""


def library_of(array: Any) -> str:
    """Return the name of the package that an array comes from."""
    return type(array).__module__.partition(".")[0]


def current_stream(library: str, device: int) -> int:
    """Return the stream on which a library works now; 0 is the default stream."""
    if library == "torch":
        return int(sys.modules["torch"].cuda.current_stream(device).cuda_stream)
    if library == "cupy":
        with sys.modules["cupy"].cuda.Device(device):
            return int(sys.modules["cupy"].cuda.get_current_stream().ptr)
    return 0


def address_of_stream(stream: Any) -> int:
    """Return the address of a stream of any library: an integer, or what has one."""
    address = stream
    if hasattr(stream, "__cuda_stream__"):
        address = stream.__cuda_stream__()[1]
    elif hasattr(stream, "cuda_stream"):  # of PyTorch
        address = stream.cuda_stream
    elif hasattr(stream, "ptr"):  # of CuPy
        address = stream.ptr
    elif hasattr(stream, "handle"):  # of Numba
        address = getattr(stream.handle, "value", stream.handle) or 0
    if isinstance(address, bool) or not isinstance(address, int) or not 0 <= address < 2**64:
        raise TypeError(f"stream must be a CUDA stream or its address, got {stream!r}")
    return address
