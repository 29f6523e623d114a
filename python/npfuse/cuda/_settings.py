"""Checks of what losses are called with."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npfuse.cuda._operands import number_of

_DOMAINS: dict[int, tuple[Callable[[Any], bool], str]] = {
    1: (lambda value: value >= 0, "at least 0"),
    2: (lambda value: value > 0, "greater than 0"),
    3: (lambda value: 0 <= value <= 1, "between 0 and 1"),
}
"""By the number that csrc/formulas/describe.h gives them; 0 is every real number."""


def named(function: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with what was given in place of the defaults."""
    for name in given:
        if name not in known:
            raise TypeError(f"{function}() has no argument {name!r}; it has {', '.join(known)}")
    return {**known, **given}


def checked_number(name: str, value: Any, domain: int) -> float:
    """Return a parameter as float."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    number = number_of(name, value)
    is_right, words = _DOMAINS.get(domain, (lambda value: value == value, "a number"))
    if not is_right(number):
        raise ValueError(f"{name} must be {words}, got {number}")
    return number


def checked_index(name: str, value: Any) -> int:
    """Return an integer that an array of int64 can hold."""
    try:
        index = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if not -(2**63) <= index < 2**63:
        raise ValueError(f"{name} must be an integer of 64 bits, got {index}")
    return index


def checked_flag(name: str, value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def checked_reduction(value: Any) -> str:
    """Return how values become one."""
    if not isinstance(value, str) or value not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {value!r}")
    return value
