"""The caller's floating-point environment, as C's fenv.h lets a program set it."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Iterator

# Where fenv_t keeps the control bits (in units of 4 bytes, as glibc lays it out), and the bits that a user may set.
_CONTROL = {
    "x86_64": (7, {"flush to zero": 0x8040, "round down": 0x2000, "round up": 0x4000, "truncate": 0x6000}),
    "aarch64": (0, {"flush to zero": 1 << 24, "round up": 1 << 22, "round down": 2 << 22, "truncate": 3 << 22}),
}
_WORD, _BITS = _CONTROL.get(platform.machine(), (0, {}))

CONTROL_BITS: dict[str, int] = _BITS if platform.libc_ver()[0] == "glibc" else {}
"""Settings by name; none where it is not known how the environment is stored."""

STATUS_BITS = 0x3F if platform.machine() == "x86_64" else 0


def _environment() -> ctypes.Array[ctypes.c_uint32]:
    found = (ctypes.c_uint32 * 8)()
    ctypes.CDLL(None).fegetenv(found)
    return found


def control_word() -> int:
    """Return the control bits as they are now."""
    return int(_environment()[_WORD]) & ~STATUS_BITS


@contextlib.contextmanager
def control_bits(bits: int) -> Iterator[None]:
    """Set control bits for a while."""
    found = _environment()
    changed = (ctypes.c_uint32 * 8)(*found)
    changed[_WORD] |= bits
    ctypes.CDLL(None).fesetenv(changed)
    try:
        yield
    finally:
        ctypes.CDLL(None).fesetenv(found)
