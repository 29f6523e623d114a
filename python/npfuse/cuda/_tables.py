"""Tables of many arrays that one launch goes through: csrc/cuda/table.h has the same records."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

UPDATE = np.dtype(
    [
        ("parameter", "u8"),
        ("gradient", "u8"),
        ("states", "u8", 3),
        ("copy", "u8"),
        ("size", "i8"),
        ("first", "i8"),
        ("first_tile", "i8"),
        ("array", "u4"),
        ("parameter_storage", "u1"),
        ("gradient_storage", "u1"),
        ("copy_storage", "u1"),
        ("aligned", "u1"),
    ]
)

NORM = np.dtype([("data", "u8"), ("size", "i8"), ("first_block", "i8"), ("storage", "i8")])


def dealt_out(sizes: NDArray[np.int64], length: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return where each array's blocks of a length begin among those of all, and for each block whose it is."""
    blocks = -(-sizes // length)
    first = np.concatenate([[0], np.cumsum(blocks)]).astype(np.int64)
    return first, np.repeat(np.arange(len(sizes), dtype=np.int32), blocks)


def uploaded(native: Any, place: Any, table: NDArray[Any]) -> Any:
    """Return device memory that holds a table."""
    memory = native.Memory(place, table.nbytes)
    if table.nbytes:
        native.copy_in(place, memory.pointer, table.reshape(-1).view(np.uint8))
    return memory
