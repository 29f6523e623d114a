"""One call's work: where it runs, what it reads and writes, and the memory it needs meanwhile."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npfuse.cuda import _device, _storage
from npfuse.cuda._allocation import allocated_like
from npfuse.cuda._array import Array
from npfuse.cuda._libraries import address_of_stream, current_stream, library_of
from npfuse.cuda._operands import Operand, check_device, device_of, is_number, operand_of
from npfuse.cuda._where import Where


class Work(Where):
    """Work on the device of the first array, and on its library's current stream unless `stream` says otherwise."""

    __slots__ = ("_aside", "_kept", "_like")

    def __init__(self, name: str, first: Any, stream: Any) -> None:
        _device.native()  # that there is a GPU comes before what is wrong with an array
        device = device_of(name, first)
        library = library_of(first)
        super().__init__(device, current_stream(library, device) if stream is None else address_of_stream(stream))
        if stream is None:
            self._followed.add(library)
        self._like = first
        self._aside: list[tuple[Operand, int]] = []  # outputs, and where they were written to instead
        self._kept: list[Any] = []  # operands' owners, and memory that goes back to the stream when the call is over

    def take(self, name: str, array: Any, storage: str | None = None) -> Operand:
        """Return an array of floating-point numbers, of the storage that the arrays before it had."""
        operand = self.take_any(name, array)
        if operand.storage not in _storage.FLOATS:
            raise TypeError(f"{name} must be of {', '.join(_storage.FLOATS)}, got {operand.storage}")
        if storage is not None and operand.storage != storage:
            raise TypeError(f"{name} is of {operand.storage}, but the arrays before it are of {storage}")
        return operand

    def take_any(self, name: str, array: Any) -> Operand:
        """Return an array of any numbers."""
        if array is not self._like:
            check_device(name, array, self.device)
        operand = operand_of(name, array, self)
        self._kept.append(operand.owner)
        return operand

    def memory(self, size: int) -> int:
        """Return the address of memory for this call alone."""
        memory = self.native.Memory(self.place, size)
        self._kept.append(memory)
        return int(memory.pointer)

    def allocated(self, shape: tuple[int, ...], storage: str) -> tuple[Any, Operand]:
        """Return a new array of the first one's library, and its operand."""
        array = allocated_like(self._like, shape, storage, self.device, self.stream)
        return array, self.take_any("out", array)

    def output(self, name: str, out: Any, shape: tuple[int, ...], storage: str) -> tuple[Any, Operand]:
        """Return where a result goes: what the caller gave, or a new array."""
        if out is None:
            return self.allocated(shape, storage)
        operand = self.take(name, out, storage)
        if operand.shape != shape:
            raise ValueError(f"{name} must be of shape {shape}, got {operand.shape}")
        if not operand.writeable:
            raise ValueError(f"{name} is read-only")
        self.writes(operand)
        return out, operand

    def writes(self, operand: Operand) -> None:
        """Have whoever reads an array of ours next wait for this work's stream."""
        if isinstance(operand.owner, Array):
            Array.written_on((operand.owner,), self.place, self.stream)

    def contiguous(
        self, operand: Operand, shape: tuple[int, ...] | None = None, avoid: tuple[Operand, ...] = ()
    ) -> int:
        """Return where an operand's numbers, broadcast to a shape, follow each other in C order.

        That is where they are, unless they are written to elsewhere meanwhile, by an output in `avoid`.
        """
        spread = operand if shape is None else broadcast(operand, shape)
        if spread.is_contiguous and not (avoid and any(in_the_way(other, spread) for other in avoid)):
            return spread.pointer
        item = _storage.itemsize(spread.storage)
        target = self.memory(spread.size * item)
        if spread.size:
            self.native.gather(self.place, spread.pointer, target, item, *joined(spread))
        return target

    def given(
        self, inputs: Sequence[Operand | float], shape: tuple[int, ...], avoid: tuple[Operand, ...]
    ) -> list[tuple[int | None, float]]:
        """Return inputs as a kernel takes them: where each one's numbers are, or one number for all elements."""
        return [
            (self.contiguous(value, shape, avoid), 0.0) if isinstance(value, Operand) else (None, value)
            for value in inputs
        ]

    def writing(self, operand: Operand) -> int:
        """Return contiguous memory for what is to be written to an operand; `written` then puts it there."""
        if operand.is_contiguous:
            return operand.pointer
        address = self.memory(operand.size * _storage.itemsize(operand.storage))
        self._aside.append((operand, address))
        return address

    def written(self) -> None:
        """Put what has been written to memory aside where it belongs."""
        for operand, address in self._aside:
            self.put(operand, address)

    def put(self, operand: Operand, pointer: int) -> None:
        """Put what stands in contiguous memory where an operand has it."""
        if pointer != operand.pointer and operand.size:
            item = _storage.itemsize(operand.storage)
            self.native.scatter(self.place, operand.pointer, pointer, item, *joined(operand))

    def numbers(self, operand: Operand) -> NDArray[Any]:
        """Return an operand's numbers as a NumPy array, when all that fills it is done."""
        numbers = np.empty(operand.shape, _storage.as_dtype(operand.storage))
        if numbers.size:
            self.native.copy_out(self.place, numbers.reshape(-1).view(np.uint8), self.contiguous(operand))
        return numbers

    def input(self, name: str, value: Any, storage: str) -> Operand | float:
        """Return an array, or a number as an array of that storage would hold it."""
        if is_number(value):
            return _storage.rounded(float(value), storage)
        return self.take(name, value, storage)


def in_the_way(output: Operand, operand: Operand) -> bool:
    """Return whether writing an output spoils what is yet to be read of an operand."""
    return operand.overlaps(output) and not operand.stands_like(output)


def broadcast(operand: Operand, shape: tuple[int, ...]) -> Operand:
    """Return an operand repeated along new axes and those of length 1."""
    if operand.shape == shape:
        return operand
    missing = len(shape) - len(operand.shape)
    lengths, strides = (1,) * missing + operand.shape, (0,) * missing + operand.strides
    repeated = tuple(0 if own == 1 else stride for own, stride in zip(lengths, strides, strict=True))
    return operand.seen_as(shape, repeated)


def common_shape(operands: list[Operand]) -> tuple[int, ...]:
    """Return the shape to which all operands broadcast."""
    shapes = {operand.shape for operand in operands}
    if len(shapes) == 1:
        return shapes.pop()
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        named = ", ".join(f"{operand.name} {operand.shape}" for operand in operands)
        raise ValueError(f"the shapes do not fit together: {named}") from None


def joined(operand: Operand) -> tuple[list[int], list[int]]:
    """Return shape and strides with neighbouring axes joined where one stride leads through both."""
    shape: list[int] = []
    strides: list[int] = []
    for length, stride in zip(operand.shape, operand.strides, strict=True):
        if length == 1:
            continue
        if shape and strides[-1] == length * stride:
            shape[-1] *= length
            strides[-1] = stride
        else:
            shape.append(length)
            strides.append(stride)
    return shape, strides


def along(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """Return how many rows run along an axis, how long they are, and how far apart their elements are in C order."""
    inner = math.prod(shape[axis + 1 :])
    return math.prod(shape[:axis]) * inner, shape[axis], inner


def without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Return a shape without one of its axes."""
    return shape[:axis] + shape[axis + 1 :]


def checked_axis(axis: int, operand: Operand) -> int:
    """Return the axis counted from the first."""
    axis = operator.index(axis)
    dimensions = len(operand.shape)
    if not -dimensions <= axis < dimensions:
        raise ValueError(f"axis: expected one of the {dimensions} axes of {operand.name}, got {axis}")
    return axis % dimensions
