"""The norm of all gradients together."""

from __future__ import annotations

from collections.abc import Sequence

from npfuse import _native
from npfuse.optimizers._base import Array
from npfuse.optimizers._settings import positive


def global_norm(arrays: Sequence[Array]) -> float:
    """Return the Euclidean norm of all numbers of all arrays together.

    Parameters
    ----------
    arrays : list of ndarray
        Floating-point, of any shapes and layouts. NumPy's scalars are arrays without dimensions.

    Returns
    -------
    float
        Infinite or NaN where a number is; infinite, too, where the norm is beyond the largest float64.

    Raises
    ------
    TypeError
        If `arrays` is no list of floating-point arrays, or one has a mask.

    Notes
    -----
    Summed in double and in one fixed order: the same bits for any number of threads and any layout. No number is too
    large or too small to be squared. PyTorch's ``clip_grad_norm_`` returns this norm, optax calls it ``global_norm``.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> nf.global_norm([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"arrays must be a list of arrays, got {type(arrays).__name__}")
    norm: float = _native.global_norm(tuple(arrays))
    return norm


def clip_by_global_norm(arrays: Sequence[Array], max_norm: float) -> float:
    """Scale arrays down, in place, so that their common norm is at most `max_norm`.

    Parameters
    ----------
    arrays : list of ndarray
        Floating-point and writeable; no array twice.
    max_norm : float
        Above 0.

    Returns
    -------
    float
        The norm before. If it is not finite, nothing has changed.

    Raises
    ------
    TypeError
        If `arrays` is no list of floating-point arrays, or one has a mask.
    ValueError
        If an array is read-only or shares memory with another one, or `max_norm` is not above 0. Nothing has changed.

    Notes
    -----
    The factor is ``max_norm / norm`` where the norm is larger, as in optax. Products are taken in double and rounded
    once, those of half types too. PyTorch's ``clip_grad_norm_`` divides by
    norm + 1e-6. An optimizer does this by itself: ``optimizer.step(grads, clip_norm=1.0)`` leaves the gradients alone.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> grads = [np.array([3.0]), np.array([4.0])]
    >>> nf.clip_by_global_norm(grads, 1.0)
    5.0
    >>> grads
    [array([0.6]), array([0.8])]
    """
    largest = positive("max_norm", max_norm)
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"arrays must be a list of arrays, got {type(arrays).__name__}")
    norm: float = _native.clip_by_global_norm(tuple(arrays), largest)
    return norm
