"""An array on a GPU for those who have NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npfuse.cuda import _device, _libraries, _storage
from npfuse.cuda._where import Where

__all__ = ["Array", "asarray"]


class Array:
    """Numbers on a GPU, in C order. Made by `asarray` and by every function that is given one.

    It holds memory and says where it is, through ``__cuda_array_interface__`` and DLPack, to any library that computes
    on GPUs; `get` brings the numbers back.

    Attributes
    ----------
    shape : tuple of int
        The lengths of its axes.
    dtype : numpy.dtype
        What its numbers are.
    device : int
        The number of its GPU.
    """

    def __init__(self, memory: Any, shape: tuple[int, ...], storage: str, device: int, stream: int) -> None:
        self._memory = memory
        self._pointer = int(memory.pointer)
        self._storage = storage
        self._stream = stream
        self.shape = shape
        self.device = device

    @classmethod
    def empty(cls, shape: tuple[int, ...], storage: str, device: int, stream: int) -> Array:
        """Return an uninitialised array; `storage` is the dtype's name, `stream` an address."""
        where = Where(device, stream)
        memory = where.native.Memory(where.place, math.prod(shape) * _storage.itemsize(storage))
        return cls(memory, shape, storage, device, stream)

    def on(self, place: Any, stream: int | None = None) -> int:
        """Return where the numbers are for work at a place, whose stream waits for what fills them.

        `stream` is the place's, from whoever has it at hand: a compiled object takes its time to say.
        """
        if stream is None:
            stream = place.stream
        if stream != self._stream:  # of the one that wrote last, the memory knows
            _device.native().wait_for(place, self._stream)
            self._memory.used_on(stream)
        return self._pointer

    @staticmethod
    def written_on(arrays: Iterable[Array], place: Any, stream: int) -> None:
        """Have whoever reads arrays next wait for a place's stream, which is about to write to them."""
        for array in [array for array in arrays if array._stream != stream]:
            array.on(place, stream)
            array._stream = stream

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
            native = _device.native()
            flat = numbers.reshape(-1).view(np.uint8)
            native.copy_out(native.Place(self.device, self._stream), flat, self._pointer)
        return numbers

    def set(self, numbers: ArrayLike) -> None:
        """Fill it with a NumPy array's numbers.

        Parameters
        ----------
        numbers : array_like
            Of its shape and dtype.
        """
        given = np.asarray(numbers)
        if given.shape != self.shape or given.dtype != self.dtype:
            raise ValueError(f"numbers must be {self.dtype} of shape {self.shape}, got {given.dtype} of {given.shape}")
        if self.size:
            native = _device.native()
            source = np.ascontiguousarray(given).reshape(-1).view(np.uint8)
            native.copy_in(native.Place(self.device, self._stream), self._pointer, source)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The array as Numba, CuPy and PyTorch take it."""
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self._pointer, False),
            "strides": None,
            "version": 3,
            "stream": self._stream or 1,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the kind and the number of the device, as DLPack has them."""
        return _device.native().dlpack_kind, self.device

    def __dlpack__(self, *, stream: Any = None, **_: Any) -> Any:
        """Return the array as DLPack has it, ready for work on a stream."""
        native = _device.native()
        if stream != -1:
            self.on(native.Place(self.device, 1 if stream is None else stream))
        strides = [math.prod(self.shape[axis + 1 :]) for axis in range(self.ndim)]
        dtype = _storage.as_dlpack(self._storage)
        return native.lend(self._memory, self._pointer, self.device, dtype, list(self.shape), strides)


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
        If the array holds anything else.
    RuntimeError
        If there is no GPU; it says why.
    """
    _device.native()
    numbers = np.asarray(array)
    storage = _storage.from_dtype(numbers.dtype)
    if storage not in _storage.FLOATS + _storage.INTEGERS:
        raise TypeError(f"array must be of {', '.join(_storage.FLOATS)} or integers, got {storage}")
    address = 0 if stream is None else _libraries.address_of_stream(stream)
    result = Array.empty(numbers.shape, storage, device, address)
    result.set(numbers)
    return result
