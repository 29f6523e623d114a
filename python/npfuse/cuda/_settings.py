"""Checks of what losses are called with."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

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
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}; it must be a real number")
    if domain in _DOMAINS and not _DOMAINS[domain][0](value):
        raise ValueError(f"{name} is {float(value)}; it must be {_DOMAINS[domain][1]}")
    return float(value)


def checked_flag(name: str, value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; it must be True or False")
    return value


def checked_reduction(value: Any) -> str:
    """Return how values become one."""
    if value not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is {value!r}; it must be 'mean', 'sum' or 'none'")
    return str(value)
