"""How numbers are stored, by name: the names are those of NumPy's dtypes."""

from __future__ import annotations

from ctypes import c_float
from functools import lru_cache
from typing import Any

import numpy as np

FLOATS = ("float16", "bfloat16", "float32", "float64")
"""In the order in which the compiled tables list their kernels."""

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")

NUMBERS = {storage: number for number, storage in enumerate(FLOATS)}
"""The place of each in that order."""

_DLPACK_CODES = {"int": 0, "uint": 1, "float": 2, "bfloat": 4}


def _as_dlpack(storage: str) -> tuple[int, int]:
    letters = storage.rstrip("0123456789")
    return _DLPACK_CODES[letters], int(storage.removeprefix(letters))


_TO_DLPACK = {storage: _as_dlpack(storage) for storage in FLOATS + INTEGERS}
_FROM_DLPACK = {described: storage for storage, described in _TO_DLPACK.items()}
_ITEM_SIZES = {storage: bits // 8 for storage, (_, bits) in _TO_DLPACK.items()}


def itemsize(storage: str) -> int:
    """Return the bytes of a number; 0 where no kernel knows such numbers."""
    return _ITEM_SIZES.get(storage, 0)


def as_dlpack(storage: str) -> tuple[int, int]:
    """Return what DLPack calls a storage: its code and its bits."""
    return _TO_DLPACK[storage]


def from_dlpack(code: int, size: int, lanes: int) -> str:
    """Return the storage that DLPack calls so, or what it is instead."""
    known = _FROM_DLPACK.get((code, size)) if lanes == 1 else None
    return known or f"DLPack type {code} of {size} bits, {lanes} at a time"


@lru_cache
def from_typestr(typestr: str) -> str:
    """Return the storage that ``__cuda_array_interface__`` calls so, or what it is instead."""
    try:
        return from_dtype(np.dtype(typestr))
    except TypeError:
        return typestr


def from_dtype(dtype: np.dtype[Any]) -> str:
    """Return the storage of a NumPy dtype, or its name."""
    return dtype.name if dtype.isnative else f"{dtype.name} of foreign byte order"


def as_dtype(storage: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a storage; bfloat16 needs ml_dtypes."""
    dtype: np.dtype[Any]
    if storage == "bfloat16":
        import ml_dtypes

        dtype = np.dtype(ml_dtypes.bfloat16)
    else:
        dtype = np.dtype(storage)
    return dtype


def rounded(value: float, storage: str) -> float:
    """Return a number as an array of that storage would hold it."""
    if storage == "float64":
        return float(value)
    single = c_float(value).value  # which NumPy does as well, but slowly, and not without a warning of infinity
    if storage == "float32":
        return single
    if storage == "bfloat16":
        pattern = int(np.float32(single).view(np.uint32))
        if value == value:
            pattern += 0x7FFF + (pattern >> 16 & 1)
        return float(np.uint32(pattern & 0xFFFF0000).view(np.float32))
    with np.errstate(over="ignore"):
        return float(np.float16(value))
