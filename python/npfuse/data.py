"""Arrays in the portions that gradient descent takes them in."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        Take the rows in random order. All rows in one batch are never reordered.
    drop_last : bool, default False
        Leave out the last batch if it is smaller than the others.

    Yields
    ------
    tuple of ndarray
        The same rows of each array: copies if they are shuffled, else views.

    Raises
    ------
    TypeError
        If `arrays` holds anything but arrays, or `batch_size` is no integer.
    ValueError
        If the arrays have no rows to take, different numbers of rows, or `batch_size` is less than 1.

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
    if batch_size is None:
        size, shuffle, drop_last = max(rows, 1), False, False
    elif isinstance(batch_size, bool) or not isinstance(batch_size, numbers.Integral):
        raise TypeError(f"batch_size must be an integer or None, got {batch_size!r}")
    elif batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    else:
        size = int(batch_size)
    order = np.random.default_rng(rng).permutation(rows) if shuffle else None
    return _batches(together, order, size, rows - rows % size if drop_last else rows)


def _common_rows(arrays: tuple[NDArray[Any], ...]) -> int:
    if not arrays:
        raise ValueError("arrays must hold at least one array")
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise TypeError(f"arrays[{i}] must be a NumPy array, got {type(array).__name__}")
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
