"""The array libraries whose arrays come and go, and which stream each works on.

None of them is imported here: an array that is handed over has brought its library along.
"""

from __future__ import annotations

import sys
from typing import Any


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
