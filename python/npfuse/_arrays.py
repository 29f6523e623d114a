"""What the functions written in Python do with arrays before and after their kernels."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def reject_masked(**arguments: Any) -> None:
    """Refuse masked arrays, whose masks a kernel would ignore; each argument goes by its name."""
    for name, value in arguments.items():
        if type(value) is np.ndarray:
            continue
        masked = sys.modules.get("numpy.ma")  # where nobody has imported it, there is no such array
        if masked is not None and isinstance(value, masked.MaskedArray):
            raise TypeError(
                f"{name} must be an array without a mask, got a {type(value).__name__}; "
                f"{name}.filled(0) or {name}.compressed() is one"
            )
