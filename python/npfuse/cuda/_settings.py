"""Checks of what losses are called with."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npfuse import _native


def named(function: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with what was given in place of the defaults."""
    for name in given:
        if name not in known:
            raise TypeError(f"{function}() has no argument {name!r}; it has {', '.join(known)}")
    return {**known, **given}


def checked_number(name: str, value: Any, domain: int, storage: str) -> float:
    """Return a parameter as the type that a storage computes in holds it, once it is known to be legal."""
    return float(_native.checked_number(name, value, domain, storage == "float64"))


def checked_parameters(activation: str, values: Sequence[Any], storage: str) -> list[float]:
    """Return an activation's parameters, all of them numbers, likewise."""
    domains = _native.activation_domains[activation]
    return [checked_number(key, value, domains[key], storage) for key, value in zip(domains, values, strict=True)]


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
