"""Arrays of every layout, in memory of which every other byte is watched."""

from __future__ import annotations

import itertools
import math

import ml_dtypes
import numpy as np

from fuzz.choices import Choices

GUARD = 64
CANARY = 0xA5

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LARGE = [(3, 40_000), (40_000, 3), (1, 100_000), (300, 257), (2, 65, 600)]  # what threads share
STEPS = [1, 1, 1, 1, -1, 2, -2, 3]


class Memory:
    """The buffers of a case. An array placed in one has guard bytes around it and in the gaps between its elements."""

    def __init__(self) -> None:
        self._buffers: list[np.ndarray] = []
        self._before: list[np.ndarray] = []

    def place(
        self, values: np.ndarray, choices: Choices | None = None, *, shared: bool = False, native: bool = False
    ) -> np.ndarray:
        """Return an array of these values in a layout that is chosen; contiguous where there are no choices.

        A `shared` array, one that is only read, may repeat its elements along some axes as np.broadcast_to does. The
        elements of a `native` one are aligned and of the machine's byte order.
        """
        dtype, steps, order = values.dtype, [1] * values.ndim, range(values.ndim)
        offset = 0
        if choices is not None and choices.below(3):
            spread = STEPS[:5] if values.ndim > 1 and values.size > 2000 else STEPS
            steps = [choices.among(spread) for _ in range(values.ndim)]
            if shared:
                steps = [0 if choices.rarely(12) else step for step in steps]
            order = choices.among([order, order[::-1], [*order[1:], *order[:1]]])
            if not native and choices.rarely(6):
                offset = 1 + choices.below(dtype.itemsize)
            if not native and choices.rarely(6) and dtype != BFLOAT16:
                dtype = dtype.newbyteorder()
        strides, extent = [0] * values.ndim, dtype.itemsize
        for axis in reversed(order):
            strides[axis] = steps[axis] * extent
            extent *= max(1, abs(steps[axis]) * values.shape[axis])
        buffer = np.full(extent + 2 * GUARD + offset, CANARY, np.uint8)
        offset += GUARD + sum(-s * (n - 1) for s, n in zip(strides, values.shape, strict=True) if s < 0 and n)
        array = np.ndarray(values.shape, dtype, buffer.data, offset, strides)
        array[...] = values
        self._buffers.append(buffer)
        return array

    def freeze(self) -> None:
        """Remember every byte."""
        self._before = [buffer.copy() for buffer in self._buffers]

    def contents(self) -> list[bytes]:
        return [buffer.tobytes() for buffer in self._buffers]

    def restore(self) -> None:
        """Go back to what was remembered."""
        for buffer, before in zip(self._buffers, self._before, strict=True):
            buffer[...] = before

    def changed(self, written: list[np.ndarray]) -> bool:
        """Tell whether a byte has changed that belongs to no element of the arrays that may be written."""
        for buffer, before in zip(self._buffers, self._before, strict=True):
            now = buffer.copy()
            for array in written:
                position = self._offset(array, buffer)
                if position is not None:
                    was, new = (
                        np.ndarray(array.shape, f"V{array.itemsize}", memory, position, array.strides)
                        for memory in (before, now)
                    )
                    new[...] = was
            if not np.array_equal(now, before):
                return True
        return False

    @staticmethod
    def _offset(array: np.ndarray, buffer: np.ndarray) -> int | None:
        offset = array.__array_interface__["data"][0] - buffer.__array_interface__["data"][0]
        return offset if 0 <= offset <= buffer.size and array.base is not None else None

    def definitions(self, arrays: list[tuple[str, np.ndarray]]) -> str:
        """Return a program that makes these arrays again, as they were before the call."""
        lines = []
        for number, before in enumerate(self._before):
            here = [(name, array) for name, array in arrays if self._offset(array, self._buffers[number]) is not None]
            if not here:
                continue
            lines.append(f"m{number} = bytearray({_runs(before.tobytes())})")
            for name, array in here:
                offset = self._offset(array, self._buffers[number])
                dtype = f"'{array.dtype.str}'" if array.dtype != BFLOAT16 else "ml_dtypes.bfloat16"
                lines.append(f"{name} = np.ndarray({array.shape}, {dtype}, m{number}, {offset}, {array.strides})")
                if not array.flags.writeable:
                    lines.append(f"{name}.flags.writeable = False")
        return "\n".join(lines)


def _runs(data: bytes) -> str:
    """Return bytes as an expression, runs of one byte written briefly."""
    parts = []
    for is_canary, run in itertools.groupby(data, CANARY.__eq__):
        run = bytes(run)
        parts.append(f"b'\\xa5' * {len(run)}" if is_canary and len(run) > 8 else repr(run))
    return " + ".join(parts)


def shape(choices: Choices, least_dimensions: int = 0) -> tuple[int, ...]:
    """Choose a shape: from no dimension and no element to beyond what threads begin to share."""
    dimensions = max(least_dimensions, choices.among([1, 0, 2, 2, 3, 1, 4]))
    if dimensions == 1:
        return (length(choices),)
    if choices.rarely(60):
        return choices.among(LARGE)
    sides = [choices.among([1, 2, 3, 5, 8, 17, 0, 33, 70, 130]) for _ in range(dimensions)]
    while math.prod(sides) > 6_000:
        sides[sides.index(max(sides))] = 2
    return tuple(sides)


def length(choices: Choices) -> int:
    if choices.rarely(40):
        return choices.among([32_768, 33_001, 70_000])
    return choices.among([1, 2, 3, 0, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 200, 511, 513, 1000, 2047, 2049, 4097])


def narrower(choices: Choices, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Choose a shape that broadcasts to the one given."""
    if not choices.rarely(5):
        return shape
    kept = shape[choices.below(len(shape) + 1) :]
    return tuple(1 if choices.below(2) else side for side in kept)
