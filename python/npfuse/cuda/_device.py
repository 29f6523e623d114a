"""The compiled GPU half, whether it can be used, and where its work is put."""

from __future__ import annotations

import importlib
from functools import lru_cache
from types import ModuleType
from typing import Any

from npfuse.cuda._libraries import current_stream

__all__ = ["is_available"]


_ready: ModuleType | None = None


def load() -> ModuleType:
    """Return the compiled module; an ImportError says that this build has none."""
    return importlib.import_module("npfuse._cuda")


def reason_against() -> str | None:
    """Return why no GPU can be used, None where one can."""
    try:
        load().count()
    except ImportError:
        return "this build of npfuse has no GPU kernels; install it with -C cmake.define.NPFUSE_CUDA=ON"
    except RuntimeError as error:
        return str(error)
    return None


def state() -> str:
    """Return in a few words whether a GPU can be used, and why not."""
    reason = reason_against()
    return "yes" if reason is None else f"no, {reason}"


def native() -> Any:
    """Return the compiled module, having made sure that there is a GPU to run it on."""
    global _ready
    if _ready is None:
        reason = reason_against()
        if reason is not None:
            raise RuntimeError(f"npfuse.cuda cannot run: {reason}")
        _ready = load()
    return _ready


def is_available() -> bool:
    """Return whether this build has GPU kernels and this machine a GPU to run them on.

    Returns
    -------
    bool
        If False, every other function of `npfuse.cuda` raises a RuntimeError that says why.

    Examples
    --------
    >>> import npfuse.cuda
    >>> isinstance(npfuse.cuda.is_available(), bool)
    True
    """
    return reason_against() is None


@lru_cache
def _place(native: Any, device: int, stream: int) -> Any:
    return native.Place(device, stream)


class Place:
    """A GPU and a stream of it."""

    __slots__ = ("_followed", "_place", "device", "native", "stream")

    def __init__(self, device: int, stream: int) -> None:
        """Refuse a stream that is being captured into a graph."""
        self.native = native()
        self.device = device
        self._place = _place(self.native, device, stream)
        self.stream: int = self._place.stream
        if self.stream != 0:  # before another library is asked to wait in that stream
            self.native.check_place(self._place)
        self._followed: dict[str, int] = {}  # the current streams of libraries, and those that arrays name

    @property
    def place(self) -> Any:
        """What the compiled functions are given."""
        return self._place

    def follow(self, library: str) -> None:
        """Have the stream wait for the one on which a library works now."""
        if library not in self._followed:
            self.follow_stream(library, current_stream(library, self.device))

    def follow_stream(self, name: str, stream: int) -> None:
        """Have the stream wait for another one, which `precede` makes wait for it in turn."""
        self._followed[name] = stream
        self.native.wait_for(self._place, stream)

    def precede(self) -> None:
        """Have the streams that were followed wait for what has been put into this one."""
        for stream in self._followed.values():
            if stream != self.stream:
                self.native.wait_for(_place(self.native, self.device, stream), self.stream)
