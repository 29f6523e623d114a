"""Arrays in the portions that gradient descent takes them in."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npfuse.optimizers._settings import flag, shown

__all__ = ["minibatches"]


def minibatches(
    arrays: NDArray[Any] | Sequence[NDArray[Any]],
    batch_size: int | None = None,
    *,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[tuple[NDArray[Any], ...]]:
    """Go through arrays once, in batches of rows that belong together.

    Parameters
    ----------
    arrays : ndarray or list of ndarray
        With the same number of rows, their first dimension: inputs and labels, say.
    batch_size : int, optional
        Rows in a batch: 1 is stochastic descent; None, the default, is batch descent, all rows in one batch.
    rng : numpy.random.Generator or int, optional
        What shuffles, or a seed for it.
    shuffle : bool, default True
        Take the rows in random order. All rows in one batch are never reordered, and nothing is drawn from `rng` then.
    drop_last : bool, default False
        Leave out the last batch if it is smaller than the others.

    Yields
    ------
    tuple of ndarray
        The same rows of each array: copies if they are shuffled, else views.

    Raises
    ------
    TypeError
        If `arrays` holds anything but arrays, or a masked one, or another argument is of the wrong type.
    ValueError
        If the arrays have no rows to take, different numbers of rows, or `batch_size` or `rng` is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> inputs, labels = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> for x, y in nf.minibatches([inputs, labels], 2, shuffle=False):
    ...     print(x.shape, y)
    (2, 2) [0 1]
    (2, 2) [2 3]
    (1, 2) [4]
    """
    together = (arrays,) if isinstance(arrays, np.ndarray) else tuple(arrays)
    rows = _common_rows(together)
    if not isinstance(batch_size, (numbers.Integral, NoneType)) or isinstance(batch_size, bool):
        raise TypeError(f"batch_size must be an integer or None, got {shown(batch_size)}")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {shown(batch_size)}")
    size = max(rows, 1) if batch_size is None else int(batch_size)
    shuffled, whole_batches = flag("shuffle", shuffle), flag("drop_last", drop_last) and batch_size is not None
    generator = _generator(rng)
    order = generator.permutation(rows) if shuffled and size < rows else None
    return _batches(together, order, size, rows - rows % size if whole_batches else rows)


def _generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, bool) or not isinstance(rng, numbers.Integral):
        raise TypeError(f"rng must be a numpy.random.Generator, an integer or None, got {shown(rng)}")
    if rng < 0:
        raise ValueError(f"rng must be at least 0, got {shown(rng)}")
    return np.random.default_rng(int(rng))


def _common_rows(arrays: tuple[NDArray[Any], ...]) -> int:
    if not arrays:
        raise ValueError("arrays must hold at least one array")
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise TypeError(f"arrays[{i}] must be a NumPy array, got {type(array).__name__}")
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError(f"arrays[{i}] must be an array without a mask, got {type(array).__name__}")
        if array.ndim == 0:
            raise ValueError(f"arrays[{i}] has no rows: it is 0-dimensional")
        if len(array) != len(arrays[0]):
            raise ValueError(f"arrays[{i}] must have {len(arrays[0])} rows as arrays[0] has, got {len(array)}")
    return len(arrays[0])


def _batches(
    arrays: tuple[NDArray[Any], ...], order: NDArray[np.intp] | None, size: int, end: int
) -> Iterator[tuple[NDArray[Any], ...]]:
    for begin in range(0, end, size):
        rows = slice(begin, min(begin + size, end))
        yield tuple(array[rows if order is None else order[rows]] for array in arrays)
