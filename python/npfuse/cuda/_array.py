"""An array on a GPU for those who have NumPy alone."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npfuse.cuda import _device, _libraries, _storage
from npfuse.cuda._device import Place

__all__ = ["Array", "asarray"]

CPU = (1, 0)
"""What DLPack calls the memory that NumPy's arrays are in."""


def host_array(name: str, value: Any) -> NDArray[Any]:
    """Return what a caller gives as a NumPy array, whose mask nothing here would know."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array")
    return np.asarray(value)


class Array:
    """Numbers on a GPU, in C order. Made by `asarray` and by every function that is given one.

    It holds memory and says where it is, through ``__cuda_array_interface__`` and DLPack, to any library that computes
    on GPUs; `get` brings the numbers back. The functions of `npfuse.cuda` wait for each other where they use one array
    on several streams.

    Attributes
    ----------
    shape : tuple of int
        The lengths of its axes.
    dtype : numpy.dtype
        What its numbers are.
    device : int
        The number of its GPU.
    """

    def __init__(self, memory: Any, shape: tuple[int, ...], storage: str, device: int) -> None:
        self._memory = memory
        self._pointer = int(memory.pointer)
        self._storage = storage
        self.shape = shape
        self.device = device

    @classmethod
    def empty(cls, shape: tuple[int, ...], storage: str, device: int, stream: int) -> Array:
        """Return an uninitialised array; `storage` is the dtype's name, `stream` an address."""
        place = Place(device, stream)
        array = cls.taken(shape, storage, place)
        place.native.used(place.place, [], [array._memory])
        return array

    @classmethod
    def taken(cls, shape: tuple[int, ...], storage: str, place: Place) -> Array:
        """Return an array whose memory nobody waits for yet, for work at a place that says when it is used."""
        memory = place.native.Memory(place.place, math.prod(shape) * _storage.itemsize(storage))
        return cls(memory, shape, storage, place.device)

    def on(self, place: Place, *, is_written: bool) -> int:
        """Return where the numbers are for work at a place, which waits for what it must not overtake."""
        memories = [self._memory]
        place.native.await_memories(place.place, *(([], memories) if is_written else (memories, [])))
        return self._pointer

    def fill(self, numbers: NDArray[Any], place: Place) -> None:
        """Copy a NumPy array's numbers, of its shape and dtype, in the order of a stream."""
        pointer = self.on(place, is_written=True)
        if self.size:
            place.native.copy_in(place.place, pointer, np.ascontiguousarray(numbers).reshape(-1).view(np.uint8))
        place.native.used(place.place, [], [self._memory])

    @property
    def dtype(self) -> np.dtype[Any]:
        """What its numbers are."""
        return _storage.as_dtype(self._storage)

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a 0-dimensional array has no length")
        return self.shape[0]

    def __float__(self) -> float:
        return float(self.get().item())

    def __repr__(self) -> str:
        return f"<npfuse.cuda.Array of shape {self.shape}, {self._storage}, on GPU {self.device}>"

    def get(self) -> NDArray[Any]:
        """Return the numbers as a NumPy array, once all that has been asked of them is done.

        Returns
        -------
        ndarray
            A copy.
        """
        numbers = np.empty(self.shape, self.dtype)
        if numbers.size:
            place = Place(self.device, 0)
            pointer = self.on(place, is_written=False)
            place.native.copy_out(place.place, numbers.reshape(-1).view(np.uint8), pointer)
        return numbers

    def set(self, numbers: ArrayLike) -> None:
        """Fill it with a NumPy array's numbers.

        Parameters
        ----------
        numbers : array_like
            Of its shape and dtype.
        """
        given = host_array("numbers", numbers)
        if given.shape != self.shape or given.dtype != self.dtype:
            raise ValueError(f"numbers must be {self.dtype} of shape {self.shape}, got {given.dtype} of {given.shape}")
        self.fill(given, Place(self.device, 0))

    # Other libraries use the memory on streams of theirs, so that it is kept until the whole device has done its work.

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The array as Numba, CuPy and PyTorch take it, ready for work after the default stream's."""
        self._memory.lend()
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.on(Place(self.device, 0), is_written=True), False),
            "strides": None,
            "version": 3,
            "stream": 1,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the kind and the number of the device, as DLPack has them."""
        return _device.native().dlpack_kind, self.device

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return the array as DLPack has it; the array API standard says what the arguments mean.

        Parameters
        ----------
        stream : int, optional
            The address of the stream that will use it; 1 or None is the default stream, 2 that of this thread, and -1
            says that nothing is to be waited for.
        max_version : tuple of int, optional
            The version of DLPack that is understood; below (1, 0), or left out, a capsule without version is returned.
        dl_device : tuple of int, optional
            Where it is wanted: on its own device, or in the CPU's memory, (1, 0), of which the latter is a copy.
        copy : bool, optional
            Whether it has to be a copy; if False, it must not be.

        Returns
        -------
        capsule

        Raises
        ------
        BufferError
            If it is wanted on another device, or, on another one than its own, without a copy.
        """
        if copy is not None and not isinstance(copy, bool):
            raise TypeError(f"copy must be True, False or None, got {copy!r}")
        is_versioned = max_version is not None and _two_integers("max_version", max_version) >= (1, 0)
        address = _stream_of_dlpack(stream)
        wanted = self.__dlpack_device__() if dl_device is None else _two_integers("dl_device", dl_device)
        if wanted == CPU and self.__dlpack_device__() != CPU:
            if copy is False:
                raise BufferError("copy must not be False where dl_device is another device, got False")
            return self.get().__dlpack__()
        if wanted != self.__dlpack_device__():
            raise BufferError(f"dl_device must be {self.__dlpack_device__()} or the CPU, {CPU}, got {wanted}")
        lent = self
        if copy:
            lent = self._copy(Place(self.device, address or 0), waits=address is None)
        lent._memory.lend()
        if address is not None:
            lent.on(Place(self.device, address), is_written=True)
        strides = [math.prod(self.shape[axis + 1 :]) for axis in range(self.ndim)]
        dtype, shape = _storage.as_dlpack(self._storage), list(self.shape)
        return _device.native().lend(
            lent._memory, lent._pointer, self.device, dtype, shape, strides, is_versioned, copy is True
        )

    def _copy(self, place: Place, *, waits: bool) -> Array:
        copy = Array.empty(self.shape, self._storage, self.device, place.stream)
        if self.size:
            place.native.copy(place.place, copy._pointer, self.on(place, is_written=False), self._memory.size)
            place.native.used(place.place, [self._memory], [copy._memory])
        if waits:
            place.native.synchronize(place.place)
        return copy


def _two_integers(name: str, value: Any) -> tuple[int, int]:
    try:
        first, second = (operator.index(part) for part in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be two integers, got {value!r}") from None
    return first, second


def _stream_of_dlpack(stream: Any) -> int | None:
    """Return a stream's address from what DLPack calls it; None where nothing is to be waited for."""
    if stream is None:
        return 0
    if isinstance(stream, bool) or not isinstance(stream, int):
        raise TypeError(f"stream must be an integer or None, got {stream!r}")
    if stream == 0 or stream < -1:
        raise ValueError(f"stream must be -1, 1, 2 or a stream's address, got {stream}")
    return None if stream == -1 else stream


def asarray(array: ArrayLike, *, device: int = 0, stream: Any = None) -> Array:
    """Copy a NumPy array to a GPU.

    Parameters
    ----------
    array : array_like
        Of float16, bfloat16, float32, float64 or integers.
    device : int, default 0
        The number of the GPU.
    stream : optional
        A CUDA stream of any library, or its address; the default stream if left out.

    Returns
    -------
    Array
        Of the same shape and dtype.

    Raises
    ------
    TypeError
        If the array holds anything else, or is masked.
    ValueError
        If there is no such GPU.
    RuntimeError
        If there is no GPU at all; it says why.
    """
    native = _device.native()
    numbers = host_array("array", array)
    storage = _storage.from_dtype(numbers.dtype)
    if storage not in _storage.FLOATS + _storage.INTEGERS:
        raise TypeError(f"array must be of {', '.join(_storage.FLOATS)} or integers, got {storage}")
    if isinstance(device, bool) or not isinstance(device, (int, np.integer)):
        raise TypeError(f"device must be an integer, got {device!r}")
    if not 0 <= device < native.count():
        raise ValueError(f"device must be at least 0 and less than {native.count()}, got {device}")
    place = Place(int(device), 0 if stream is None else _libraries.address_of_stream(stream))
    result = Array.empty(numbers.shape, storage, place.device, place.stream)
    result.fill(numbers, place)
    return result
