"""What every optimizer has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from npfuse import _native
from npfuse.optimizers._settings import Check, Group, Schedule, flag, learning_rate, not_negative

Array = NDArray[Any]
Parameters = Sequence[Array] | Sequence[Mapping[str, Any]]


def state_dtype(param: Array) -> np.dtype[Any]:
    """Return what the states of a parameter are stored in: half types keep them in float32."""
    return np.dtype(np.float64 if param.dtype.itemsize == 8 else np.float32)


class Optimizer(ABC):
    """Updates a list of arrays in place, with one native call a step."""

    _checks: ClassVar[Mapping[str, Check]] = {"lr": learning_rate, "weight_decay": not_negative, "maximize": flag}
    _decoupled_weight_decay: bool = False

    def __init__(self, params: Parameters, kernel: str, settings: Mapping[str, Any]) -> None:
        self._kernel = kernel
        self._defaults = dict(settings)
        self._groups: list[Group] = []
        self._state: list[dict[str, Array]] = []
        self._updater = _native.Updater(kernel)
        for group in self._as_groups(params):
            self.add_group(**group)

    @staticmethod
    def _as_groups(params: Parameters) -> list[dict[str, Any]]:
        if not isinstance(params, (list, tuple)):
            raise TypeError(f"params must be a list of arrays, or of groups of them, got {type(params).__name__}")
        if params and all(isinstance(item, Mapping) for item in params):
            return [dict(item) for item in params]
        return [{"params": params}]

    @abstractmethod
    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        """Return the kernel's own settings, in its order."""

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of parameters, each with its settings."""
        return tuple(self._groups)

    @property
    def params(self) -> tuple[Array, ...]:
        """The parameters of all groups, in the order of the gradients."""
        return tuple(param for group in self._groups for param in group.params)

    @property
    def state(self) -> tuple[dict[str, Array], ...]:
        """For each parameter its state arrays by name."""
        return tuple(dict(arrays) for arrays in self._state)

    @property
    def lr(self) -> float:
        """The learning rate of the next step; setting it sets that of every group. Of several groups, the first's."""
        return self._groups[0].lr

    @lr.setter
    def lr(self, value: float | Schedule) -> None:
        checked = learning_rate("lr", value)
        for group in self._groups:
            group["lr"] = checked

    def add_group(self, params: Sequence[Array], **settings: Any) -> None:
        """Add parameters with settings of their own.

        Parameters
        ----------
        params : list of ndarray
            Their gradients follow those of the parameters so far.
        **settings
            As for the optimizer; what is left out is what the optimizer was given.
        """
        if not isinstance(params, (list, tuple)):
            raise TypeError(f"params must be a list of arrays, got {type(params).__name__}")
        for name in settings:
            if name not in self._checks:
                raise TypeError(f"{name} is no setting of a group; there are {', '.join(self._checks)}")
        group = Group(tuple(params), self._checks, {**self._defaults, **settings})
        states = [self._new_state(param) for param in group.params]
        self._updater.add(list(params), [tuple(state.values()) for state in states], len(self._groups))
        self._groups.append(group)
        self._state.extend(states)

    def _new_state(self, param: Array) -> dict[str, Array]:
        if not isinstance(param, np.ndarray):
            return {}  # the native side says what is wrong with it
        names = _native.optimizers[self._kernel]["states"]
        return {name: np.zeros_like(param, state_dtype(param), subok=False) for name in names}

    def step(self, grads: Sequence[Array]) -> None:
        """Update every parameter in place.

        Parameters
        ----------
        grads : list of ndarray
            A gradient for each parameter, of its shape and of any floating-point dtype, byte order and layout.

        Raises
        ------
        TypeError
            If `grads` is no list, or holds anything but floating-point arrays.
        ValueError
            If there is not one gradient for each parameter, a shape differs, a gradient shares memory with a parameter
            or state, or a parameter has become read-only. No parameter and no state has changed then.
        """
        self._updater.step(grads, [self._settings(group) for group in self._groups])
        for group in self._groups:
            group.steps += 1

    def _settings(self, group: Group) -> tuple[float, ...]:
        lr = group.lr
        decay = group["weight_decay"]
        coupled, decoupled = (0.0, lr * decay) if self._decoupled_weight_decay else (decay, 0.0)
        sign = -1.0 if group["maximize"] else 1.0
        return (group.steps + 1.0, sign, coupled, decoupled, *self._own_settings(group, lr))
