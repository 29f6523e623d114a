"""The settings of an optimizer and of its groups of parameters, checked whenever they are set."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from typing import Any, TypedDict

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


def number(name: str, value: Any) -> float:
    """Return a finite number as float."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return float(value)


def not_negative(name: str, value: Any) -> float:
    """Return a number of at least 0."""
    checked = number(name, value)
    if checked < 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}")
    return checked


def positive(name: str, value: Any) -> float:
    """Return a number above 0."""
    checked = number(name, value)
    if checked <= 0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return checked


def decay_rate(name: str, value: Any) -> float:
    """Return a number in [0, 1)."""
    checked = number(name, value)
    if not 0 <= checked < 1:
        raise ValueError(f"{name} must be at least 0 and less than 1, got {value!r}")
    return checked


def decay_rates(name: str, value: Any) -> tuple[float, float]:
    """Return two numbers in [0, 1)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be two numbers, got {value!r}")
    return decay_rate(f"{name}[0]", value[0]), decay_rate(f"{name}[1]", value[1])


def learning_rate(name: str, value: Any) -> float | Schedule:
    """Return a number of at least 0, or a schedule."""
    return value if callable(value) else not_negative(name, value)


def flag(name: str, value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def one_of(name: str, value: Any, choices: Collection[str]) -> str:
    """Return one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
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
        for name in checks:
            self[name] = values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        no_more_than(self._checks, {name: value})
        self._values[name] = self._checks[name](name, value)

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
    def lr(self) -> float:
        """The learning rate of the next step."""
        lr = self._values["lr"]
        return not_negative("lr(step)", lr(self.steps)) if callable(lr) else lr
