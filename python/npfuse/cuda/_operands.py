"""Arrays of any library as a kernel wants them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from npfuse.cuda import _device, _libraries, _storage
from npfuse.cuda._array import Array


class Operand(NamedTuple):
    """An array in device memory, whoever owns it."""

    name: str
    owner: Any
    pointer: int
    storage: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In bytes."""
    writeable: bool

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def is_contiguous(self) -> bool:
        """Whether its numbers follow each other in C order."""
        return all(
            length == 1 or stride == dense
            for length, stride, dense in zip(self.shape, self.strides, dense_strides(self), strict=True)
        )

    @property
    def extent(self) -> tuple[int, int]:
        """The addresses between which it lies."""
        ways = [(length - 1) * stride for length, stride in zip(self.shape, self.strides, strict=True)]
        low = sum(way for way in ways if way < 0)
        high = sum(way for way in ways if way > 0)
        return self.pointer + low, self.pointer + high + _storage.itemsize(self.storage)

    def overlaps(self, other: Operand) -> bool:
        """Return whether the two may share memory."""
        (low, high), (other_low, other_high) = self.extent, other.extent
        return self.size > 0 and other.size > 0 and low < other_high and other_low < high

    def stands_like(self, other: Operand) -> bool:
        """Return whether the two are the same memory, element by element."""
        return (self.pointer, self.shape, self.strides) == (other.pointer, other.shape, other.strides)


def dense_strides(operand: Operand) -> tuple[int, ...]:
    """Return what its strides would be in C order."""
    item = _storage.itemsize(operand.storage)
    return tuple(item * math.prod(operand.shape[axis + 1 :]) for axis in range(len(operand.shape)))


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
    native = _device.native()
    if isinstance(array, Array):
        return array.device
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


def operand_of(name: str, array: Any, place: Any) -> Operand:
    """Return an array as an operand of work at a place, whose stream will wait for what fills it."""
    device = device_of(name, array)
    if device != place.device:
        raise ValueError(f"{name} is on GPU {device}, but the arrays before it are on GPU {place.device}")
    if isinstance(array, Array):
        operand = Operand(name, array, array.on(place), array._storage, array.shape, (), True)
        return operand._replace(strides=dense_strides(operand))
    return _from_interface(name, array, place) if has_interface(array) else _from_dlpack(name, array, place)


def _from_interface(name: str, array: Any, place: Any) -> Operand:
    interface = array.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise TypeError(f"{name} is a masked array, which no kernel knows")
    if interface.get("stream") is not None:
        _device.native().wait_for(place, int(interface["stream"]))
    pointer, read_only = interface["data"]
    storage = _storage.from_typestr(interface["typestr"])
    operand = Operand(name, array, int(pointer), storage, tuple(interface["shape"]), (), not read_only)
    strides = interface.get("strides")
    return operand._replace(strides=dense_strides(operand) if strides is None else tuple(strides))


def _from_dlpack(name: str, array: Any, place: Any) -> Operand:
    try:
        capsule = array.__dlpack__(stream=place.stream or 1)  # 1 is the default stream
    except (BufferError, RuntimeError, TypeError) as error:
        raise TypeError(f"{name} cannot be handed over: {error}") from error
    borrowed = _device.native().Borrowed(capsule)
    storage = _storage.from_dlpack(*borrowed.dtype)
    # JAX's arrays are not to be written to, which the protocol's first version cannot say.
    writeable = _libraries.library_of(array) not in {"jax", "jaxlib"}
    operand = Operand(name, borrowed, borrowed.pointer, storage, borrowed.shape, (), writeable)
    item = _storage.itemsize(storage) if storage in _storage.FLOATS + _storage.INTEGERS else 0
    return operand._replace(strides=tuple(item * stride for stride in borrowed.strides))
