"""That arrays share no memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from npfuse.cuda._operands import Operand

END_OF_MEMORY = 2**64 - 1


class Apart:
    """Arrays of which no two share memory, in the order in which they lie there."""

    def __init__(self, operands: Sequence[Operand]) -> None:
        """Refuse two that share memory."""
        self._operands = sorted((operand for operand in operands if operand.size), key=lambda operand: operand.low)
        for pair in itertools.pairwise(self._operands):
            if pair[0].overlaps(pair[1]):
                before, after = sorted(pair, key=operands.index)
                raise ValueError(f"{after.name} shares memory with {before.name}")

    @cached_property
    def _lows(self) -> NDArray[np.uint64]:
        return np.array([*(operand.low for operand in self._operands), END_OF_MEMORY], np.uint64)

    @cached_property
    def _highs(self) -> NDArray[np.uint64]:
        return np.array([operand.high for operand in self._operands], np.uint64)

    def check(self, others: Sequence[Operand]) -> None:
        """Refuse others that share memory with one of these."""
        lows = np.array([other.low for other in others], np.uint64)
        highs = np.array([other.high for other in others], np.uint64)
        nearest = np.searchsorted(self._highs, lows, side="right")  # the first that ends behind where the other begins
        for i in np.flatnonzero(self._lows[nearest] < highs).tolist():
            if others[i].size:
                raise ValueError(f"{others[i].name} shares memory with {self._operands[nearest[i]].name}")
