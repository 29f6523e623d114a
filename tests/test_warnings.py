"""No operation warns: what overflows or underflows inside a formula is the formula's business."""

import numpy as np
import pytest

from samples import edges
from table import Kernel


def test_silence(any_kernel: Kernel) -> None:
    """Alone and in an array long enough for several threads, whose flags NumPy would not even see."""
    for dtype in (np.float16, np.float32, np.float64):
        x = np.concatenate([edges(dtype), np.array([np.inf, -np.inf, np.nan], dtype)])
        with np.errstate(all="raise"):
            any_kernel(x)
            any_kernel(np.repeat(x, 2000))


def test_flags_of_the_caller_survive(kernel: Kernel) -> None:
    """A warning that is due for NumPy's own work still comes after ours."""
    with np.errstate(over="raise"):
        kernel(np.full(4, 200, np.float32))
        with pytest.raises(FloatingPointError):
            np.exp(np.full(4, 200, np.float32))
