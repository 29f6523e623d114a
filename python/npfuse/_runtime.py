"""What runs the kernels: instruction set, threads, storage types."""

from __future__ import annotations

import importlib
import platform
import sys

import numpy as np

from npfuse import _native

__all__ = ["get_num_threads", "set_num_threads", "show_config"]


def set_num_threads(threads: int) -> None:
    """Set how many threads a call may use, from the next call on.

    Parameters
    ----------
    threads : int
        At least 1. At import it is the environment variable ``NPFUSE_NUM_THREADS`` if that is set, else the number of
        CPUs this process may run on, within the limit its control group sets.

    Raises
    ------
    TypeError
        If `threads` is no integer.
    ValueError
        If `threads` is less than 1 or beyond reason.

    Notes
    -----
    The number changes no bit of any result, only the time it takes. No more threads run than there are CPUs when the
    number is set.

    Examples
    --------
    >>> import npfuse as nf
    >>> before = nf.get_num_threads()
    >>> nf.set_num_threads(1)
    >>> nf.get_num_threads()
    1
    >>> nf.set_num_threads(before)
    """
    _native.set_num_threads(threads)


def get_num_threads() -> int:
    """Return how many threads a call may use.

    Returns
    -------
    int
        See `set_num_threads`.

    Examples
    --------
    >>> import npfuse as nf
    >>> nf.get_num_threads() >= 1
    True
    """
    threads: int = _native.get_num_threads()
    return threads


def show_config() -> None:
    """Print what runs the kernels: version, instruction set, threads, NumPy, bfloat16, CUDA.

    Examples
    --------
    >>> import npfuse as nf
    >>> nf.show_config()  # doctest: +ELLIPSIS
    npfuse   ...
    """
    native = _native.config()
    lines = {
        "npfuse": native["version"],
        "ISA": f"{native['isa']} (available: {', '.join(native['available_isas'])})",
        "threads": native["num_threads"],
        "NumPy": np.__version__,
        "bfloat16": "yes, ml_dtypes" if native["bfloat16"] else "no, ml_dtypes is not installed",
        "CUDA": importlib.import_module("npfuse.cuda._device").state(),
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
    }
    sys.stdout.writelines(f"{name:<8} {value}\n" for name, value in lines.items())
