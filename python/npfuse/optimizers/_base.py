"""What all optimizers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npfuse import _native
from npfuse.optimizers._settings import (
    Check,
    Group,
    Options,
    Schedule,
    StepOptions,
    flag,
    learning_rate,
    no_more_than,
    not_negative,
)

if TYPE_CHECKING:
    pass

Array = NDArray[Any]
Parameters = Sequence[Array] | Sequence[Mapping[str, Any]]


def common_settings(step: float, lr: float, decay: float, *, decoupled: bool, maximize: bool) -> tuple[float, ...]:
    """Return what the native side is told about a step besides a kernel's own settings."""
    sign = -1.0 if maximize else 1.0
    return (step, sign, 0.0, lr * decay) if decoupled else (step, sign, decay, 0.0)


def step_once(
    kernel: str,
    param: Array,
    grad: Array,
    states: tuple[Array, ...],
    step: int,
    own: tuple[float, ...],
    options: StepOptions,
) -> None:
    """Take a step on one parameter; the learning rate is the first of a kernel's own settings."""
    no_more_than(StepOptions.__annotations__, options)
    if isinstance(step, bool) or not isinstance(step, (int, np.integer)):
        raise TypeError(f"step must be an integer, got {step!r}")
    if step < 1:
        raise ValueError(f"step must be at least 1, got {step}")
    common = common_settings(
        int(step),
        own[0],
        not_negative("weight_decay", options.get("weight_decay", 0.0)),
        decoupled=flag("decoupled_weight_decay", options.get("decoupled_weight_decay", False)),
        maximize=flag("maximize", options.get("maximize", False)),
    )
    _native.step_once(kernel, param, grad, states, common + own)


class Optimizer(ABC):
    """Updates a list of arrays in place, with one native call a step.

    What follows holds for every optimizer.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place: of float16, bfloat16, float32 or float64, contiguous or not. Or groups of parameters:
        dicts of "params" and of any settings that are to differ from the arguments.
    lr : float or callable
        The learning rate, or a schedule: called with the number of steps taken so far, it returns the learning rate.
    weight_decay : float
        Times the parameter, added to the gradient.
    decoupled_weight_decay : bool
        Times the parameter and the learning rate, subtracted from the parameter instead.
    maximize : bool, default False
        Go up the gradient instead of down.

    Raises
    ------
    TypeError
        If `params` is no list of floating-point arrays, or a setting is of the wrong type.
    ValueError
        If a setting is out of its range, or a parameter is read-only or shares memory with another one.

    Notes
    -----
    A step is right to 1 unit in the last place (ULP) of the parameter and 4 of what is subtracted from it, in float32,
    whatever cancels on the way; it has the same bits for any number of threads, any layout of the arrays and every
    instruction set with fused multiply-add. Half types compute in float32 and keep their states in it.

    Subnormal numbers in a state count as zero. A gradient that stays zero lets averages shrink until they are
    subnormal, where rounding would hold them for ever, and where most processors are slow; no parameter can tell.
    """

    _decoupled_by_default = False
    _default_weight_decay = 0.0

    def __init__(
        self,
        params: Parameters,
        kernel: str,
        checks: Mapping[str, Check],
        settings: Mapping[str, Any],
        options: Options,
    ) -> None:
        no_more_than(Options.__annotations__, options)
        self._kernel = kernel
        self._decoupled = flag(
            "decoupled_weight_decay", options.get("decoupled_weight_decay", self._decoupled_by_default)
        )
        self._checks = {"lr": learning_rate, **checks, "weight_decay": not_negative, "maximize": flag}
        self._defaults = {
            **settings,
            "weight_decay": options.get("weight_decay", self._default_weight_decay),
            "maximize": options.get("maximize", False),
        }
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
    def _own_settings(self, group: Group, lr: float, step: int) -> tuple[float, ...]:
        """Return the kernel's own settings, in its order."""

    def _carried(self, group: Group) -> dict[str, float]:
        """Return what the group carries to the next step, `group.steps` of which have been taken."""
        return group.carried

    def _initial_state(self) -> dict[str, float]:
        """Return what the states are filled with where that is not 0."""
        return {}

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
        """The learning rate of the next step, of several groups the first's; setting it sets that of every group."""
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

        Examples
        --------
        >>> import numpy as np
        >>> import npfuse as nf
        >>> optimizer = nf.SGD([np.zeros(3)], lr=0.1)
        >>> optimizer.add_group([np.zeros(2)], lr=0.01)
        >>> [group.lr for group in optimizer.groups]
        [0.1, 0.01]
        """
        if not isinstance(params, (list, tuple)):
            raise TypeError(f"params must be a list of arrays, got {type(params).__name__}")
        no_more_than(self._checks, settings)
        group = Group(tuple(params), self._checks, {**self._defaults, **settings})
        states = [self._new_state(param) for param in group.params]
        self._updater.add(list(params), [tuple(state.values()) for state in states], len(self._groups))
        self._groups.append(group)
        self._state.extend(states)

    def _new_state(self, param: Array) -> dict[str, Array]:
        if not isinstance(param, np.ndarray):
            return {}  # the native side says what is wrong with it
        dtype = np.float64 if param.dtype.itemsize == 8 else np.float32
        initial = self._initial_state()
        names = _native.optimizers[self._kernel]["states"]
        return {name: np.full_like(param, initial.get(name, 0.0), dtype, subok=False) for name in names}

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
        self._updater.step(grads, [self._settings(group, group.steps + 1) for group in self._groups])
        for group in self._groups:
            group.steps += 1
            group.carried = self._carried(group)

    def _settings(self, group: Group, step: int) -> tuple[float, ...]:
        lr = group.lr
        common = common_settings(step, lr, group["weight_decay"], decoupled=self._decoupled, maximize=group["maximize"])
        return common + self._own_settings(group, lr, step)
