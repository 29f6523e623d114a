"""The compiled GPU half, and whether it can be used."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

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
