"""Arrays of any library as a kernel wants them."""

from __future__ import annotations

import math
from typing import Any

from npfuse.cuda import _device, _libraries, _storage, _torch
from npfuse.cuda._array import Array
from npfuse.cuda._storage import itemsize
from npfuse.cuda._where import Where


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

    def overlaps(self, other: Operand) -> bool:
        """Return whether the two may share memory."""
        return self.low < other.high and other.low < self.high and self.size > 0 and other.size > 0

    def stands_like(self, other: Operand) -> bool:
        """Return whether the two are the same memory, element by element."""
        if self.pointer != other.pointer or self.shape != other.shape:
            return False
        return (self.is_contiguous and other.is_contiguous) or self.strides == other.strides


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


def speaks_a_protocol(value: Any) -> bool:
    """Return whether something can say where its memory is, be it on a GPU or not."""
    return isinstance(value, Array) or hasattr(value, "__dlpack_device__") or has_interface(value)


def has_interface(value: Any) -> bool:
    """Return whether something has ``__cuda_array_interface__``; PyTorch's CPU tensors raise when asked."""
    return hasattr(type(value), "__cuda_array_interface__") and not hasattr(value, "__dlpack_device__")


def device_of(name: str, array: Any) -> int:
    """Return the number of the GPU that an array lies on."""
    if isinstance(array, Array):
        return array.device
    if _torch.is_plain(array):
        return _torch.number_of_gpu(array)
    native = _device.native()
    if has_interface(array):
        device = native.device_of(array.__cuda_array_interface__["data"][0])
    elif hasattr(array, "__dlpack_device__"):
        kind, number = array.__dlpack_device__()
        device = int(number) if int(kind) == native.dlpack_kind else -1
    else:
        raise TypeError(
            f"{name} must be an array on a GPU (CuPy, PyTorch, Numba, JAX, npfuse.cuda.asarray), "
            f"got {type(array).__name__}"
        )
    if device < 0:
        raise TypeError(f"{name} is in the CPU's memory; npfuse.cuda.asarray or its own library brings it to a GPU")
    return int(device)


def check_device(name: str, array: Any, number: int) -> None:
    """Refuse an array that is not on the GPU of that number."""
    device = device_of(name, array)
    if device != number:
        raise ValueError(f"{name} is on GPU {device}, but the arrays before it are on GPU {number}")


def operand_of(name: str, array: Any, where: Where) -> Operand:
    """Return an array as an operand of work somewhere, whose stream will wait for what fills it."""
    if isinstance(array, Array):
        return Operand(name, array, array.on(where.place, where.stream), array._storage, array.shape)
    if _torch.is_plain(array):
        return _from_torch(name, array, where)
    return _from_interface(name, array, where) if has_interface(array) else _from_dlpack(name, array, where)


def _from_torch(name: str, tensor: Any, where: Where) -> Operand:
    where.follow("torch")
    storage, strides = _torch.storage_of(tensor.dtype), _torch.strides_in_bytes(tensor)
    memory = tensor.untyped_storage()  # which stays, even if the tensor is given another
    return Operand(name, memory, tensor.data_ptr(), storage, tuple(tensor.shape), strides)


def _from_interface(name: str, array: Any, where: Where) -> Operand:
    interface = array.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise TypeError(f"{name} is a masked array, which no kernel knows")
    if interface.get("stream") is not None:
        where.native.wait_for(where.place, int(interface["stream"]))
    pointer, read_only = interface["data"]
    storage = _storage.from_typestr(interface["typestr"])
    shape, strides = tuple(interface["shape"]), interface.get("strides")
    return Operand(name, array, int(pointer), storage, shape, strides and tuple(strides), not read_only)


def _from_dlpack(name: str, array: Any, where: Where) -> Operand:
    try:
        capsule = array.__dlpack__(stream=where.stream or 1)  # 1 is the default stream
    except (BufferError, RuntimeError, TypeError) as error:
        raise TypeError(f"{name} cannot be handed over: {error}") from error
    borrowed = where.native.Borrowed(capsule)
    storage = _storage.from_dlpack(*borrowed.dtype)
    item = itemsize(storage)
    strides = tuple(item * stride for stride in borrowed.strides)
    # JAX's arrays are not to be written to, which the protocol's first version cannot say.
    writeable = _libraries.library_of(array) not in {"jax", "jaxlib"}
    return Operand(name, borrowed, borrowed.pointer, storage, borrowed.shape, strides, writeable)
