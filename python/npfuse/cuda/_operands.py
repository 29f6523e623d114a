"""Arrays of any library as a kernel wants them."""

from __future__ import annotations

import math
import operator
from typing import Any

from npfuse.cuda import _device, _libraries, _storage, _torch
from npfuse.cuda._array import Array
from npfuse.cuda._device import Place
from npfuse.cuda._storage import itemsize


class Operand:
    """An array in device memory, whoever owns it."""

    __slots__ = (
        "_strides",
        "high",
        "is_contiguous",
        "low",
        "name",
        "owner",
        "pointer",
        "shape",
        "size",
        "storage",
        "writeable",
    )

    def __init__(
        self,
        name: str,
        owner: Any,
        pointer: int,
        storage: str,
        shape: tuple[int, ...],
        strides: tuple[int, ...] | None = None,
        writeable: bool = True,
    ) -> None:
        """Describe an array; its strides are in bytes, and those of C order where they are None."""
        self.name = name
        self.owner = owner
        self.pointer = pointer
        self.storage = storage
        self.shape = shape
        self.writeable = writeable
        self.size = math.prod(shape)
        self._strides = strides
        # Whether its numbers follow each other in C order, and the addresses between which they lie.
        item = itemsize(storage)
        self.is_contiguous = strides is None or follow_each_other(shape, strides, item)
        self.low, self.high = pointer, pointer + self.size * item
        if strides is not None and not self.is_contiguous:
            ways = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
            self.low = pointer + sum(way for way in ways if way < 0)
            self.high = pointer + sum(way for way in ways if way > 0) + item

    @property
    def strides(self) -> tuple[int, ...]:
        """How far neighbours along each axis are apart, in bytes."""
        return dense_strides(self.shape, itemsize(self.storage)) if self._strides is None else self._strides

    def seen_as(self, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Operand:
        """Return other numbers of the same memory, from an offset on."""
        return Operand(self.name, self.owner, self.pointer + offset, self.storage, shape, strides, self.writeable)

    @property
    def layout(self) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
        """The address, the bytes of an item, shape and strides: where the numbers lie."""
        return self.pointer, itemsize(self.storage), self.shape, self.strides


def dense_strides(shape: tuple[int, ...], item: int) -> tuple[int, ...]:
    """Return the strides of C order."""
    return tuple(item * math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def follow_each_other(shape: tuple[int, ...], strides: tuple[int, ...], item: int) -> bool:
    """Return whether numbers of such strides follow each other in C order."""
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length != 1 and stride != item:
            return False
        item *= length
    return True


def is_number(value: Any) -> bool:
    """Return whether something is a single number on the CPU rather than an array."""
    return getattr(value, "shape", ()) == () and not speaks_a_protocol(value) and hasattr(value, "__float__")


def number_of(name: str, value: Any) -> float:
    """Return a number as float."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a number that float64 holds, got a larger integer") from None


def speaks_a_protocol(value: Any) -> bool:
    """Return whether something can say where its memory is, be it on a GPU or not."""
    return isinstance(value, Array) or hasattr(value, "__dlpack_device__") or has_interface(value)


def has_interface(value: Any) -> bool:
    """Return whether something has ``__cuda_array_interface__``; PyTorch's CPU tensors raise when asked."""
    return hasattr(type(value), "__cuda_array_interface__") and not hasattr(value, "__dlpack_device__")


def device_of(name: str, array: Any) -> int | None:
    """Return the number of the GPU that an array lies on; None where it is empty and has no memory."""
    if isinstance(array, Array):
        return array.device
    if _torch.is_plain(array):
        return _torch.number_of_gpu(array)
    native = _device.native()
    if has_interface(array):
        interface = Interface(name, array)
        if not math.prod(interface.shape):
            return None
        device = native.device_of(interface.pointer)
    elif hasattr(array, "__dlpack_device__"):
        kind, number = _dlpack_device(name, array)
        device = number if kind == native.dlpack_kind else -1
    else:
        raise TypeError(
            f"{name} must be an array on a GPU (CuPy, PyTorch, Numba, JAX, npfuse.cuda.asarray), "
            f"got {type(array).__name__}"
        )
    if device < 0:
        raise TypeError(f"{name} is in the CPU's memory; npfuse.cuda.asarray or its own library brings it to a GPU")
    return int(device)


def _dlpack_device(name: str, array: Any) -> tuple[int, int]:
    device = array.__dlpack_device__()
    try:
        kind, number = (operator.index(part) for part in device)
    except (TypeError, ValueError):
        raise TypeError(f"{name}.__dlpack_device__() must return two integers, got {device!r}") from None
    return kind, number


def check_device(name: str, array: Any, number: int) -> None:
    """Refuse an array that is not on the GPU of that number."""
    device = device_of(name, array)
    if device not in (number, None):
        raise ValueError(f"{name} is on GPU {device}, but the arrays before it are on GPU {number}")


def operand_of(name: str, array: Any, where: Place) -> Operand:
    """Return an array as an operand of work somewhere, whose stream will wait for what fills it."""
    if isinstance(array, Array):  # for which `Work` waits
        return Operand(name, array, array._pointer, array._storage, array.shape)
    if _torch.is_plain(array):
        return _from_torch(name, array, where)
    operand = _from_interface(name, array, where) if has_interface(array) else _from_dlpack(name, array, where)
    item = itemsize(operand.storage)
    if item and operand.size and any(address % item for address in (operand.pointer, *(operand._strides or ()))):
        raise ValueError(f"{name} must be aligned to its items of {item} bytes")
    return operand


def _from_torch(name: str, tensor: Any, where: Place) -> Operand:
    where.follow("torch")
    storage, strides = _torch.storage_of(tensor.dtype), _torch.strides_in_bytes(tensor)
    memory = tensor.untyped_storage()  # which stays, even if the tensor is given another
    return Operand(name, memory, tensor.data_ptr(), storage, tuple(tensor.shape), strides)


class Interface:
    """What an array says through ``__cuda_array_interface__``, checked."""

    def __init__(self, name: str, array: Any) -> None:
        given = array.__cuda_array_interface__
        try:
            pointer, self.read_only = given["data"]
            self.pointer = operator.index(pointer or 0)
            self.shape = tuple(operator.index(length) for length in given["shape"])
            strides = given.get("strides")
            self.strides = None if strides is None else tuple(operator.index(stride) for stride in strides)
            self.storage = _storage.from_typestr(given["typestr"])
            stream = given.get("stream")
            self.stream = None if stream is None else operator.index(stream)
            is_right = isinstance(given["typestr"], str)  # to NumPy, None is a dtype, too
            is_right &= self.pointer >= 0 and all(length >= 0 for length in self.shape) and self.stream != 0
            is_right &= self.strides is None or len(self.strides) == len(self.shape)
            is_right &= self.pointer > 0 or not math.prod(self.shape)
        except (AttributeError, KeyError, TypeError, ValueError):
            is_right = False
        if not is_right:
            raise TypeError(f"{name}.__cuda_array_interface__ must be as its standard has it, got {given!r}")
        if given.get("mask") is not None:
            raise TypeError(f"{name} must not be a masked array")


def _from_interface(name: str, array: Any, where: Place) -> Operand:
    interface = Interface(name, array)
    library = _libraries.library_of(array)
    if interface.stream is not None:
        where.follow_stream(f"{library}, {interface.stream}", interface.stream)
    if library in _libraries.OF_KNOWN_STREAMS:
        where.follow(library)
    writeable = not interface.read_only
    return Operand(name, array, interface.pointer, interface.storage, interface.shape, interface.strides, writeable)


def _from_dlpack(name: str, array: Any, where: Place) -> Operand:
    library = _libraries.library_of(array)
    if library in _libraries.OF_KNOWN_STREAMS:
        where.follow(library)
    borrowed = where.native.Borrowed(_capsule_of(name, array, where))
    if borrowed.kind != where.native.dlpack_kind or (borrowed.device != where.device and math.prod(borrowed.shape)):
        raise ValueError(f"{name} must be on GPU {where.device}, got DLPack device {borrowed.kind, borrowed.device}")
    storage = _storage.from_dlpack(*borrowed.dtype)
    item = itemsize(storage)
    strides = tuple(item * stride for stride in borrowed.strides)
    # JAX's arrays are not to be written to, which the protocol's first version cannot say.
    writeable = not borrowed.is_read_only and library not in {"jax", "jaxlib"}
    return Operand(name, borrowed, borrowed.pointer, storage, borrowed.shape, strides, writeable)


def _capsule_of(name: str, array: Any, where: Place) -> Any:
    stream = where.stream or 1  # as the protocol calls the default stream
    try:
        try:
            return array.__dlpack__(stream=stream, max_version=where.native.dlpack_version)
        except TypeError:  # of the protocol's first version
            return array.__dlpack__(stream=stream)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(f"{name} cannot be handed over: {error}") from error
