"""The norm of arrays on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from npfuse.cuda import _storage
from npfuse.cuda._array import Array
from npfuse.cuda._operands import Operand
from npfuse.cuda._overlap import MemoryRanges, check_elements
from npfuse.cuda._tables import NORM, dealt_out, uploaded
from npfuse.cuda._work import Work
from npfuse.optimizers._settings import positive

__all__ = ["clip_by_global_norm", "global_norm"]


def norm_of(work: Work, operands: Sequence[Operand], addresses: Sequence[int]) -> float:
    """Return the norm of operands, each with the address where its numbers follow each other."""
    records = np.zeros(len(operands), NORM)
    records["data"] = np.array(addresses, np.uint64)
    records["size"] = [operand.size for operand in operands]
    records["storage"] = [_storage.NUMBERS[operand.storage] for operand in operands]
    first, record_of_block = dealt_out(records["size"], work.native.norm_block_length)
    records["first_block"] = first[:-1]
    tables = [uploaded(work.native, work.place, table) for table in (records, record_of_block)]
    has_doubles = any(operand.storage == "float64" for operand in operands)
    norm: float = work.native.norm(work.place, *(table.pointer for table in tables), len(record_of_block), has_doubles)
    return norm


def _checked(arrays: Any) -> Sequence[Any]:
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"arrays must be a list of arrays, got {type(arrays).__name__}")
    return arrays


def _taken(work: Work, arrays: Sequence[Any]) -> list[Operand]:
    return [work.take(f"arrays[{i}]", array) for i, array in enumerate(arrays)]


def global_norm(arrays: Sequence[Any], *, stream: Any = None) -> float:
    """`npfuse.global_norm` of arrays on a GPU; waits for the result.

    Parameters
    ----------
    arrays : list of array
        Floating-point, on one GPU, of any shapes and layouts.
    stream : optional
        A CUDA stream of any library or its address; the current one of the first array's library if left out.

    Returns
    -------
    float
        Infinite or NaN where a number is.
    """
    if not _checked(arrays):
        return 0.0
    with Work("arrays[0]", arrays[0], stream) as work:
        operands = _taken(work, arrays)
        return norm_of(work, operands, [work.contiguous(operand) for operand in operands])


def clip_by_global_norm(arrays: Sequence[Any], max_norm: float, *, stream: Any = None) -> float:
    """`npfuse.clip_by_global_norm` of arrays on a GPU; waits for the norm.

    Parameters
    ----------
    arrays : list of array
        Floating-point, writeable and on one GPU; no array twice.
    max_norm : float
        Above 0.
    stream : optional
        As for `global_norm`.

    Returns
    -------
    float
        The norm before. If it is not finite, nothing has changed.
    """
    largest = positive("max_norm", max_norm)
    if not _checked(arrays):
        return 0.0
    with Work("arrays[0]", arrays[0], stream) as work:
        operands = _taken(work, arrays)
        MemoryRanges(operands)
        for operand in operands:
            if not operand.writeable:
                raise ValueError(f"{operand.name} is read-only")
            check_elements(operand)
        addresses = [work.contiguous(operand) for operand in operands]
        norm = norm_of(work, operands, addresses)
        if math.isfinite(norm) and norm > largest:
            work.use([array._memory for array in arrays if isinstance(array, Array)], is_written=True)
            for operand, address in zip(operands, addresses, strict=True):
                storage = _storage.NUMBERS[operand.storage]
                work.native.scale(work.place, address, storage, operand.size, largest / norm)
                work.put(operand, address)
    return norm
