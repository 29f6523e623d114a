"""Where work is put: a GPU and a stream of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from npfuse.cuda import _device
from npfuse.cuda._libraries import current_stream


class Where:
    """A GPU and a stream of it, for Python, and as the compiled functions take them: `place`."""

    __slots__ = ("_followed", "device", "native", "place", "stream")

    def __init__(self, device: int, stream: int) -> None:
        self.native = _device.native()
        self.device = device
        self.stream = stream
        self.place = _place(self.native, device, stream)
        self._followed: set[str] = set()  # libraries

    def follow(self, library: str) -> None:
        """Have the stream wait for the one on which a library works now."""
        if library in self._followed:
            return
        self._followed.add(library)
        current = current_stream(library, self.device)
        if current != self.stream:
            self.native.wait_for(self.place, current)


@lru_cache
def _place(native: Any, device: int, stream: int) -> Any:
    return native.Place(device, stream)
