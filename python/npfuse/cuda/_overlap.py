"""Whether arrays share memory: the rule of csrc/runtime/overlap.h, for one pair and for many arrays at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from npfuse import _native
from npfuse.cuda._operands import Operand

END_OF_MEMORY = 2**64 - 1


def relation(output: Operand, operand: Operand) -> str:
    """Return whether an output and an operand are "separate", the same elements, "in_place", or neither, "partial"."""
    if output.high <= operand.low or operand.high <= output.low:
        return "separate"
    if output.is_contiguous and operand.is_contiguous and same_memory(output, operand):
        return "in_place"  # the other frequent answer that needs no call
    answer: str = _native.overlap(output.layout, operand.layout)
    return answer


def same_memory(one: Operand, other: Operand) -> bool:
    """Return whether two contiguous arrays are the same."""
    return (one.pointer, one.storage, one.shape) == (other.pointer, other.storage, other.shape)


def check_elements(output: Operand) -> None:
    """Refuse an output of which two elements are in the same memory."""
    if not output.is_contiguous and relation(output, output) == "partial":
        raise ValueError(f"{output.name} must have each element in memory of its own, got strides {output.strides}")


def check_apart(one: Operand, other: Operand) -> None:
    """Refuse an operand that shares memory with another one."""
    if relation(one, other) != "separate":
        raise ValueError(f"{one.name} shares memory with {other.name}")


class MemoryRanges:
    """Arrays of which no two share memory, in the order of their addresses."""

    def __init__(self, operands: Sequence[Operand]) -> None:
        """Refuse two that share memory."""
        self._operands = sorted((operand for operand in operands if operand.size), key=lambda operand: operand.low)
        reaching: list[Operand] = []  # of those before, the ones that end behind where this one begins
        for operand in self._operands:
            reaching = [before for before in reaching if before.high > operand.low]
            for before in reaching:
                check_apart(*sorted((operand, before), key=operands.index, reverse=True))
            reaching.append(operand)

    @cached_property
    def _lows(self) -> NDArray[np.uint64]:
        return np.array([*(operand.low for operand in self._operands), END_OF_MEMORY], np.uint64)

    @cached_property
    def _highs(self) -> NDArray[np.uint64]:
        return np.maximum.accumulate(np.array([operand.high for operand in self._operands], np.uint64))

    def check(self, others: Sequence[Operand]) -> None:
        """Refuse others that share memory with one of these."""
        lows = np.array([other.low for other in others], np.uint64)
        highs = np.array([other.high for other in others], np.uint64)
        nearest = np.searchsorted(self._highs, lows, side="right")  # the first that may end behind another's begin
        for i in np.flatnonzero(self._lows[nearest] < highs).tolist():
            for near in self._from(int(nearest[i]), others[i]):
                check_apart(others[i], near)

    def _from(self, first: int, other: Operand) -> Iterator[Operand]:
        for operand in self._operands[first:]:
            if operand.low >= other.high:
                return
            yield operand
