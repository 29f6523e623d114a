"""The settings of an optimizer and of its groups of parameters, checked whenever they are set."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

Schedule = Callable[[int], float]
Check = Callable[[str, Any], Any]


class StepOptions(TypedDict, total=False):
    """What every optimizer and every step function takes besides its own settings; `Optimizer` says what they mean."""

    weight_decay: float
    decoupled_weight_decay: bool
    maximize: bool


class Options(StepOptions, total=False):
    """What every optimizer takes besides its own settings; `Optimizer` says what they mean."""

    master_weights: bool
    stochastic_rounding: bool
    seed: int


LARGEST = 2.0**40
"""No setting is larger: products of settings then fit float32."""

MOST_STEPS = 2**53
"""Steps are counted by numbers that a float holds exactly: fewer than these."""


def shown(value: Any) -> str:
    """Return a value as messages show it, however many digits it has."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write very long integers
        return f"an integer of {value.bit_length()} bits"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def finite(name: str, value: Any) -> float:
    """Return a finite number as float."""
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    try:
        checked = float(value)
    except OverflowError:
        checked = math.inf
    if not math.isfinite(checked):
        raise ValueError(f"{name} must be finite, got {shown(value)}")
    return checked


def number(name: str, value: Any) -> float:
    """Return a number that a setting may be."""
    checked = finite(name, value)
    if abs(checked) > LARGEST:
        raise ValueError(f"{name} must be between -2**40 and 2**40, got {shown(value)}")
    return checked


def not_negative(name: str, value: Any) -> float:
    """Return a number of at least 0."""
    checked = number(name, value)
    if checked < 0:
        raise ValueError(f"{name} must be at least 0, got {shown(value)}")
    return checked


def positive(name: str, value: Any) -> float:
    """Return a number above 0, however large."""
    checked = finite(name, value)
    if checked <= 0:
        raise ValueError(f"{name} must be above 0, got {shown(value)}")
    return checked


def inverse(name: str, value: Any) -> float:
    """Return 1 over a number above 0."""
    result = 1.0 / positive(name, value)
    if math.isinf(result):
        raise ValueError(f"{name} must be at least 2**-1022, got {shown(value)}")
    return result


def decay_rate(name: str, value: Any) -> float:
    """Return a number in [0, 1)."""
    checked = number(name, value)
    if not 0 <= checked < 1:
        raise ValueError(f"{name} must be at least 0 and less than 1, got {shown(value)}")
    return checked


def unit_interval(name: str, value: Any) -> float:
    """Return a number in [0, 1]."""
    checked = number(name, value)
    if not 0 <= checked <= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {shown(value)}")
    return checked


def decay_rates(name: str, value: Any) -> tuple[float, float]:
    """Return two numbers in [0, 1)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, got {shown(value)}")
    return decay_rate(f"{name}[0]", value[0]), decay_rate(f"{name}[1]", value[1])


def integer(name: str, value: Any, least: int, end: int = MOST_STEPS) -> int:
    """Return an integer of at least `least` and less than `end`."""
    if type(value) is not int and (isinstance(value, bool) or not isinstance(value, numbers.Integral)):
        raise TypeError(f"{name} must be an integer, got {shown(value)}")
    checked = int(value)
    if checked < least:
        raise ValueError(f"{name} must be at least {least}, got {shown(value)}")
    if checked >= end:
        raise ValueError(f"{name} must be less than 2**{end.bit_length() - 1}, got {shown(value)}")
    return checked


def learning_rate(name: str, value: Any) -> float | Schedule:
    """Return a number of at least 0, or a schedule."""
    return value if callable(value) else not_negative(name, value)


def flag(name: str, value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def one_of(name: str, value: Any, choices: Collection[str]) -> str:
    """Return one of the choices."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {shown(value)}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {shown(value)}")
    return str(value)


def no_more_than(known: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise a TypeError where something unknown is given."""
    for name in given:
        if name not in known:
            raise TypeError(f"there is no setting {name!r}; there are {', '.join(known)}")


class Group(MutableMapping[str, Any]):
    """Parameters that share settings: ``group["lr"] = 0.1`` takes effect with the next step.

    Attributes
    ----------
    params : tuple of ndarray
        The parameters.
    steps : int
        How many steps have been taken on all of them.
    carried : dict of float
        Numbers that an optimizer carries from step to step besides its state arrays.
    """

    def __init__(
        self, params: tuple[NDArray[Any], ...], checks: Mapping[str, Check], values: Mapping[str, Any]
    ) -> None:
        self.params = params
        self.steps = 0
        self.carried: dict[str, float] = {}
        self._checks = checks
        self._values: dict[str, Any] = {}
        self._kept: tuple[object, tuple[float, ...]] | None = None
        for name in checks:
            self[name] = values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        no_more_than(self._checks, {name: value})
        self._values[name] = self._checks[name](name, value)
        self._version = object()  # after the value, so that nothing is kept under it that came of another one

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or the default: what the mixin does, without an exception on the way."""
        return self._values.get(name, default)

    def __delitem__(self, name: str) -> None:
        raise TypeError("a setting can be changed, not removed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._values.items())
        return f"<{len(self.params)} parameters, {self.steps} steps, {settings}>"

    @property
    def version(self) -> object:
        """Another object whenever a setting has changed."""
        return self._version

    def kept(self) -> tuple[float, ...] | None:
        """Return what `keep` was given, if no setting has changed since that version."""
        kept = self._kept
        return kept[1] if kept is not None and kept[0] is self._version else None

    def keep(self, version: object, numbers: tuple[float, ...]) -> None:
        """Keep what was computed from the settings of this version."""
        self._kept = version, numbers

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        lr = self._values["lr"]
        return not_negative("lr(step)", lr(self.steps)) if callable(lr) else lr
