"""One call's work: where it runs, what it reads and writes, and the memory it needs meanwhile."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from threading import Lock
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npfuse import _arrays
from npfuse.cuda import _device, _storage
from npfuse.cuda._allocation import allocated_like
from npfuse.cuda._array import Array
from npfuse.cuda._device import Place
from npfuse.cuda._libraries import OF_KNOWN_STREAMS, address_of_stream, current_stream, library_of
from npfuse.cuda._operands import Operand, check_device, device_of, is_number, number_of, operand_of
from npfuse.cuda._overlap import check_apart, check_elements, relation


class Work(Place):
    """Work on the device of the first array, and on its library's current stream unless `stream` says otherwise.

    A context: when it is left, what was written elsewhere is put where it belongs, and whoever uses the arrays next
    waits for this work. Outputs are asked for before `contiguous`, which copies operands that they overlap.
    """

    __slots__ = ("_aside", "_foreign", "_has_begun", "_kept", "_like", "_outputs", "_read", "_to_await", "_written")

    def __init__(self, name: str, first: Any, stream: Any) -> None:
        native = _device.native()  # that there is a GPU comes before what is wrong with an array
        device = device_of(name, first)
        if device is None:
            device = native.current_device()
        library = library_of(first)
        super().__init__(device, current_stream(library, device) if stream is None else address_of_stream(stream))
        if stream is None and library in OF_KNOWN_STREAMS:
            self._followed[library] = self.stream
        self._like = first
        self._has_begun = False
        self._outputs: list[Operand] = []  # of the caller's, written to where they are
        self._aside: list[tuple[Operand, int]] = []  # outputs, and where they were written to instead
        self._kept: list[Any] = []  # operands' owners, and memory that goes back to the stream when the call is over
        self._foreign: list[Any] = []  # owners of which nobody knows when and how they reuse memory
        self._read: list[Any] = []  # memory of ours
        self._written: list[Any] = []
        self._to_await: tuple[list[Any], list[Any]] = ([], [])  # of these, what is read and written from now on

    def __enter__(self) -> Work:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for operand, address in self._aside:
                self.put(operand, address)
        if self._read or self._written:
            self.native.used(self._place, self._read, self._written)
        if self._foreign:
            on_loan.keep(self, self._foreign)
        self.precede()
        self._kept.clear()

    def take(self, name: str, array: Any, storage: str | None = None, *, is_written: bool = False) -> Operand:
        """Return an array of floating-point numbers, of the storage that the arrays before it had."""
        operand = self.take_any(name, array, is_written=is_written)
        if operand.storage not in _storage.FLOATS:
            raise TypeError(f"{name} must be of {', '.join(_storage.FLOATS)}, got {operand.storage}")
        if storage is not None and operand.storage != storage:
            raise TypeError(f"{name} is of {operand.storage}, but the arrays before it are of {storage}")
        return operand

    def take_any(self, name: str, array: Any, *, is_written: bool = False) -> Operand:
        """Return an array of any numbers."""
        if array is not self._like:
            check_device(name, array, self.device)
        operand = operand_of(name, array, self)
        self._kept.append(operand.owner)
        if isinstance(array, Array):
            self._to_await[is_written].append(array._memory)
        elif library_of(array) not in OF_KNOWN_STREAMS:
            self._foreign.append(operand.owner)
        return operand

    def use(self, memories: list[Any], *, is_written: bool) -> None:
        """Use memory of ours: wait for what must not be overtaken, and have others wait for this in turn."""
        self._to_await[is_written].extend(memories)

    @property
    def place(self) -> Any:
        """What the compiled functions are given, whose stream waits for whatever the arrays so far are used for."""
        read, written = self._to_await
        if read or written:
            self.native.await_memories(self._place, read, written)
            self._read += read
            self._written += written
            self._to_await = ([], [])
        return self._place

    def memory(self, size: int) -> int:
        """Return the address of memory for this call alone."""
        memory = self.native.Memory(self.place, size)
        self._kept.append(memory)
        return int(memory.pointer)

    def allocated(self, shape: tuple[int, ...], storage: str) -> tuple[Any, Operand]:
        """Return a new array of the first one's library, and its operand."""
        array = allocated_like(self._like, shape, storage, self)
        if isinstance(array, Array):
            self._written.append(array._memory)
            return array, Operand("out", array, array._pointer, storage, shape)
        return array, self.take_any("out", array, is_written=True)

    def output(self, name: str, out: Any, shape: tuple[int, ...], storage: str) -> tuple[Any, Operand]:
        """Return where a result goes: what the caller gave, or a new array."""
        if self._has_begun:
            raise AssertionError("an output must be known before operands are read")
        if out is None:
            return self.allocated(shape, storage)
        operand = self.take(name, out, storage, is_written=True)
        if operand.shape != shape:
            raise ValueError(f"{name} must be of shape {shape}, got {operand.shape}")
        if not operand.writeable:
            raise ValueError(f"{name} must be writeable, got a read-only array")
        check_elements(operand)
        for other in self._outputs:
            check_apart(operand, other)
        self._outputs.append(operand)
        return out, operand

    def contiguous(self, operand: Operand, shape: tuple[int, ...] | None = None) -> int:
        """Return where an operand's numbers, broadcast to a shape, follow each other in C order.

        That is where they are, unless they share memory with an output otherwise than element by element.
        """
        self._has_begun = True
        spread = operand if shape is None else broadcast(operand, shape)
        if not spread.is_contiguous or (self._outputs and any(in_the_way(output, spread) for output in self._outputs)):
            return self._copied(spread)
        return spread.pointer

    def _copied(self, operand: Operand) -> int:
        item = _storage.itemsize(operand.storage)
        target = self.memory(operand.size * item)
        if operand.size:
            self.native.gather(self.place, operand.pointer, target, item, *joined(operand))
        return target

    def given(self, inputs: Sequence[Operand | float], shape: tuple[int, ...]) -> list[tuple[int | None, float]]:
        """Return inputs as a kernel takes them: where each one's numbers are, or one number for all elements."""
        return [
            (self.contiguous(value, shape), 0.0) if isinstance(value, Operand) else (None, value) for value in inputs
        ]

    def writing(self, operand: Operand) -> int:
        """Return contiguous memory for what is to be written to an operand; it is put there when all is done."""
        if operand.is_contiguous:
            return operand.pointer
        address = self.memory(operand.size * _storage.itemsize(operand.storage))
        self._aside.append((operand, address))
        return address

    def put(self, operand: Operand, pointer: int) -> None:
        """Put what stands in contiguous memory where an operand has it."""
        if pointer != operand.pointer and operand.size:
            item = _storage.itemsize(operand.storage)
            self.native.scatter(self.place, operand.pointer, pointer, item, *joined(operand))

    def numbers(self, operand: Operand) -> NDArray[Any]:
        """Return an operand's numbers as a NumPy array, when all that fills it is done."""
        numbers = np.empty(operand.shape, _storage.as_dtype(operand.storage))
        if numbers.size:
            pointer = operand.pointer if operand.is_contiguous else self._copied(operand)
            self.native.copy_out(self.place, numbers.reshape(-1).view(np.uint8), pointer)
        return numbers

    def input(self, name: str, value: Any, storage: str) -> Operand | float:
        """Return an array, or a number as an array of that storage would hold it."""
        if is_number(value):
            return _storage.rounded(number_of(name, value), storage)
        return self.take(name, value, storage)


class OnLoan:
    """Arrays of libraries that know nothing of our streams, kept until the work on them is done.

    What has been given back may be written to at once, by a stream that does not wait for ours.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._loans: deque[tuple[Any, list[Any]]] = deque()

    def keep(self, place: Place, owners: list[Any]) -> None:
        """Keep owners until what has been put into a place's stream is done; forget those whose time is over."""
        end = place.native.Event(place.place, False)
        end.record()
        over: list[Any] = []  # which is forgotten when the lock is open again: that may call other libraries
        with self._lock:
            self._loans.append((end, owners))
            while self._loans and self._loans[0][0].is_over():
                over.append(self._loans.popleft())


on_loan = OnLoan()


def in_the_way(output: Operand, operand: Operand) -> bool:
    """Return whether writing an output where it is spoils what is yet to be read of an operand."""
    return output.is_contiguous and relation(output, operand) == "partial"


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
    """Return an axis of an operand, counted from the first."""
    return _arrays.checked_axis(axis, len(operand.shape), operand.name)
