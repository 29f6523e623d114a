"""What all optimizers have in common."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

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
    integer,
    inverse,
    learning_rate,
    no_more_than,
    not_negative,
    positive,
    shown,
    unit_interval,
)

Array = NDArray[Any]
Parameters = Sequence[Array] | Sequence[Mapping[str, Any]]

CACHE_LINE = 64


def common_settings(lr: float, decay: float, decoupled: bool, maximize: bool) -> tuple[float, float, float]:
    """Return what the native side is told of a step besides its number and a kernel's own settings."""
    sign = -1.0 if maximize else 1.0
    return (sign, 0.0, lr * decay) if decoupled else (sign, decay, 0.0)


stepper: ContextVar[Callable[..., None]] = ContextVar("stepper", default=_native.step_once)
"""Who takes the step that a step function has checked: the CPU's kernels, unless `npfuse.cuda` puts its own here."""


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
    number = integer("step", step, 1)
    common = _native.guarded(
        common_settings,
        own[0],
        not_negative("weight_decay", options.get("weight_decay", 0.0)),
        flag("decoupled_weight_decay", options.get("decoupled_weight_decay", False)),
        flag("maximize", options.get("maximize", False)),
    )
    stepper.get()(kernel, param, grad, states, (number, *common, *own))


def checked_rows(rows: Any, shape: Sequence[int]) -> NDArray[np.int64]:
    """Return the numbers of rows, having made sure that a parameter of this shape has them."""
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iu" or isinstance(rows, np.ma.MaskedArray):
        kind = (
            type(rows).__name__ if isinstance(rows, np.ma.MaskedArray) else getattr(rows, "dtype", type(rows).__name__)
        )
        raise TypeError(f"rows must be an array of integers, got {kind}")
    if not shape:
        raise ValueError("the parameter has no rows: it is 0-dimensional")
    if rows.ndim != 1:
        raise ValueError(f"rows must be of shape (k,), got {rows.shape}")
    if len(rows) and (rows.min() < 0 or rows.max() >= shape[0]):
        raise IndexError(f"rows must be at least 0 and less than {shape[0]}, got {rows.min()} to {rows.max()}")
    return np.array(rows, np.int64, subok=False)


def encoded(option: bool | int | str) -> NDArray[Any]:
    """Return an option as an array that np.savez and safetensors can store."""
    if isinstance(option, str):
        return np.frombuffer(option.encode(), np.uint8)
    return np.array(option, np.bool_ if isinstance(option, bool) else np.uint64)


def decoded(array: NDArray[Any]) -> Any:
    """Return an option as it was before it was encoded, or what else the array holds."""
    is_text = array.dtype == np.uint8 and array.ndim == 1
    return bytes(array).decode(errors="replace") if is_text else array.tolist()


def owner(array: NDArray[Any]) -> int:
    """Return the identity of the array whose memory this is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return id(array)


def beside(param: Array, dtype: type[np.floating[Any]]) -> Array:
    """Return room for a number for each of the parameter's, in its order, that lies in cache lines as those do.

    A step that begins with a whole line of the parameter begins with one of every state then.
    """
    plan = np.empty_like(param, dtype, subok=False)
    room = np.empty(plan.nbytes + CACHE_LINE, np.uint8)
    before_line = -param.__array_interface__["data"][0] % CACHE_LINE // param.itemsize
    offset = -(room.__array_interface__["data"][0] + before_line * plan.itemsize) % CACHE_LINE
    return np.ndarray(plan.shape, dtype, room, offset, plan.strides)


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
    master_weights : bool, default False
        Keep a float32 copy of each half-type parameter, on which the steps are taken; the parameter is that copy,
        rounded. The state "master" holds it.
    stochastic_rounding : bool, default False
        Round bfloat16 parameters up or down at random, so that steps smaller than their resolution add up without a
        wider copy.
    seed : int, default 0
        Of the random bits, which are a function of it, of the number of the step and of the element: the same for any
        number of threads.

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

    Gradients of any magnitude are steps of the right size as long as states can hold what comes of them. A square that
    leaves the range of its state, of a gradient beyond 1e19 or so (float64: 1e154), is infinite, and that number of the
    parameter stays where it is from then on, as in PyTorch; `clip_norm` prevents it. An `eps` that vanishes beside the
    smallest root (1e-19, float64: 1e-154) counts as that root. Settings are at most 2**40.

    One thread at a time may use an optimizer: a step, `state_dict`, `load_state_dict` or `add_group` while another
    thread is in the middle of one of them raises a RuntimeError and changes nothing. A step reads the settings of its
    groups when it begins. It is taken as a whole or not at all, even if it is interrupted (KeyboardInterrupt). A child
    that is forked while another thread takes a step can use its own copy of the optimizer, but what the step was
    changing may be half as before and half as after. The caller's floating-point environment (rounding mode, flushing
    of subnormal numbers) changes no result.

    Subnormal numbers are not kept in a state: they become zero. A gradient that stays zero lets averages shrink until
    they are subnormal, where rounding would hold them for ever, and where most processors are slow; no parameter can
    tell.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights, bias = np.zeros((3, 2), np.float32), np.zeros(2, np.float32)
    >>> optimizer = nf.Adam([{"params": [weights], "weight_decay": 0.01}, {"params": [bias], "lr": 0.1}], lr=1e-3)
    >>> optimizer.step([np.ones((3, 2)), np.ones(2)])
    True
    >>> bias.round(6)
    array([-0.1, -0.1], dtype=float32)
    """

    _carries = False  # whether its groups carry numbers from step to step
    _decoupled_by_default = False
    _steps_rows = False
    _default_weight_decay = 0.0

    def __init__(
        self,
        params: Parameters,
        kernel: str,
        checks: Mapping[str, Check],
        settings: Mapping[str, Any],
        options: Options,
        fixed: Mapping[str, bool | str] | None = None,
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
        self._master_weights = flag("master_weights", options.get("master_weights", False))
        self._seed = self._checked_seed(options)
        self._fixed: dict[str, bool | int | str] = {
            **(fixed or {}),
            "decoupled_weight_decay": self._decoupled,
            "master_weights": self._master_weights,
            "stochastic_rounding": self._seed is not None,
            **({} if self._seed is None else {"seed": self._seed}),
        }
        """The options that no group has of its own and that stay as they are."""
        self._groups: list[Group] = []
        self._state: list[dict[str, Array]] = []
        self._updater = self._new_updater()
        self._exclusively = _native.Exclusive()
        for group in self._as_groups(params):
            self.add_group(**group)

    def _checked_seed(self, options: Options) -> int | None:
        seed = integer("seed", options.get("seed", 0), 0, 2**64)
        if not flag("stochastic_rounding", options.get("stochastic_rounding", False)):
            return None
        if self._master_weights:
            raise ValueError("stochastic_rounding is for parameters without master_weights")
        return seed

    @staticmethod
    def _as_groups(params: Parameters) -> list[dict[str, Any]]:
        if not isinstance(params, (list, tuple)):
            raise TypeError(f"params must be a list of arrays, or of groups of them, got {type(params).__name__}")
        if params and all(isinstance(item, Mapping) for item in params):
            return [dict(item) for item in params]
        return [{"params": params}]

    @abstractmethod
    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        """Return the kernel's own settings in its order, but for those that groups carry, which are the last."""

    def _initially_carried(self) -> dict[str, float]:
        """Return the numbers that a group carries from step to step besides its states."""
        return {}

    def _carried(self, group: Group, step: int) -> dict[str, float]:
        """Return them as they are after this step."""
        return group.carried

    def _change(self, group: Group, step: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a group's attributes, and those that a step changes as they are after it."""
        change: dict[str, Any] = {"steps": step}
        if self._carries:
            change["carried"] = self._carried(group, step)
        return group.__dict__, change

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
        self._exclusively(self._add_group, params, settings)

    def _add_group(self, params: Sequence[Array], settings: Mapping[str, Any]) -> None:
        group = Group(tuple(params), self._checks, {**self._defaults, **settings})
        group.carried = self._initially_carried()
        if self._seed is not None and any(self._dtype_name(param) == "float16" for param in params):
            raise ValueError("stochastic_rounding is for bfloat16 parameters, not for float16")
        states = [self._new_state(param) for param in group.params]
        self._updater.add(list(params), [tuple(state.values()) for state in states], len(self._groups))
        self._groups.append(group)
        self._state.extend(states)

    # Where arrays are kept is for these to know: npfuse.cuda has others.

    def _new_updater(self) -> Any:
        return _native.Updater(self._kernel, seed=self._seed)

    def _dtype_name(self, param: Array) -> str:
        return param.dtype.name if isinstance(param, np.ndarray) else ""

    def _saved(self, value: Any) -> Array:
        return np.array(value)

    def _restore(self, array: Array, saved: Array) -> None:
        array[...] = saved

    def _new_state(self, param: Array) -> dict[str, Array]:
        if not isinstance(param, np.ndarray):
            return {}  # the native side says what is wrong with it
        dtype = np.float64 if param.dtype.itemsize == 8 else np.float32
        initial = self._initial_state()
        names = _native.optimizers[self._kernel]["states"]
        state = {name: beside(param, dtype) for name in names}
        for name, array in state.items():
            array.fill(initial.get(name, 0.0))
        if param.dtype.itemsize == 2 and self._master_weights:
            state["master"] = beside(param, dtype)
            state["master"][...] = param
        return state

    def step(self, grads: Sequence[Array], *, scale: float | None = None, clip_norm: float | None = None) -> bool:
        """Update every parameter in place.

        Parameters
        ----------
        grads : list of ndarray
            A gradient for each parameter, of its shape and of any floating-point dtype, byte order and layout. For a
            parameter without dimensions it may be a NumPy scalar.
        scale : float, optional
            What the loss was multiplied by: the gradients are divided by it.
        clip_norm : float, optional
            Scale the gradients down to this norm, that of all numbers together, if theirs is larger.

        Returns
        -------
        bool
            True, or False where `scale` or `clip_norm` is given and a gradient is not finite: nothing has changed then.

        Raises
        ------
        TypeError
            If `grads` is no list, or holds anything but floating-point arrays.
        ValueError
            If there is not one gradient for each parameter, a shape differs, a gradient shares memory with a parameter
            or state, or a parameter has become read-only. No parameter and no state has changed then.

        Notes
        -----
        Without `scale` and `clip_norm` infinities and NaN go where arithmetic takes them. With them the gradients are
        read once more beforehand.

        Examples
        --------
        >>> import numpy as np
        >>> import npfuse as nf
        >>> optimizer = nf.SGD([np.zeros(2)], lr=1.0)
        >>> optimizer.step([np.array([np.inf, 1.0])], scale=1024.0)
        False
        >>> optimizer.step([np.array([30.0, 40.0])], scale=10.0, clip_norm=0.5)
        True
        >>> optimizer.params[0]
        array([-0.3, -0.4])
        """
        done: bool = self._exclusively(self._step, grads, scale, clip_norm)
        return done

    def _step(self, grads: Sequence[Array], scale: float | None, clip_norm: float | None) -> Any:
        factor = 1.0 if scale is None else inverse("scale", scale)
        largest = math.inf if clip_norm is None else positive("clip_norm", clip_norm)
        settings, changes = [], []
        for group in self._groups:
            step = group.steps + 1
            settings.append(self._settings(group, step))
            changes.append(self._change(group, step))
        return self._updater.step(grads, settings, factor, scale is not None, largest, changes)

    def step_rows(
        self, index: int, rows: NDArray[np.integer[Any]], grads: Array, *, scale: float | None = None
    ) -> bool:
        """Update only some rows of one parameter, an embedding table, in place.

        Parameters
        ----------
        index : int
            Which of `params`.
        rows : ndarray of int, shape (k,)
            The rows that `grads` are for. A row that is repeated gets the sum of its gradients, added in double in the
            order in which they come.
        grads : ndarray, shape (k, ...)
            A gradient for each row named.
        scale : float, optional
            What the loss was multiplied by: the gradients are divided by it.

        Returns
        -------
        bool
            True, or False where `scale` is given and a gradient is not finite: nothing has changed then.

        Raises
        ------
        TypeError
            If `rows` is no array of integers, `grads` none of floating-point numbers, or this optimizer moves rows that
            have no gradient: those that do not are SGD, Adagrad, Adam and AdamW.
        IndexError
            If there is no such parameter or row.
        ValueError
            If the shapes do not fit, or `grads` shares memory with a parameter or state. Nothing has changed then.

        Notes
        -----
        Momentum and moving averages of the other rows stay as they are, and so do those rows: with `Adam` and
        ``eps_placement="hat"`` this is PyTorch's ``SparseAdam``. It counts as a step of the parameter's whole group:
        give each table a group of its own.

        Examples
        --------
        >>> import numpy as np
        >>> import npfuse as nf
        >>> table = np.zeros((4, 2))
        >>> optimizer = nf.SGD([table], lr=1.0)
        >>> optimizer.step_rows(0, np.array([2, 0, 2]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        True
        >>> table
        array([[-3., -4.],
               [ 0.,  0.],
               [-6., -8.],
               [ 0.,  0.]])
        """
        if not self._steps_rows:
            raise TypeError(f"{type(self).__name__} moves rows that have no gradient; take SGD, Adagrad, Adam or AdamW")
        done: bool = self._exclusively(self._step_rows, index, rows, grads, scale)
        return done

    def _step_rows(self, index: int, rows: NDArray[np.integer[Any]], grads: Array, scale: float | None) -> Any:
        try:
            number = operator.index(index)
        except TypeError:
            raise TypeError(f"index must be an integer, got {shown(index)}") from None
        if not 0 <= number < len(self._state):
            raise IndexError(f"index must be at least 0 and less than {len(self._state)}, got {shown(index)}")
        checked = checked_rows(rows, self.params[number].shape)
        factor = 1.0 if scale is None else inverse("scale", scale)
        group = self._groups[self._updater.group_of(number)]
        step = group.steps + 1
        settings, changes = self._settings(group, step), [self._change(group, step)]
        return self._updater.step_rows(number, checked, grads, settings, factor, scale is not None, changes)

    def _settings(self, group: Group, step: int) -> tuple[float, ...]:
        numbers = group.kept()
        if numbers is None:
            version, lr, decay = group.version, group.lr, group["weight_decay"]
            common = common_settings(lr, decay, self._decoupled, group["maximize"])
            numbers = common + self._own_settings(group, lr)
            if not callable(group["lr"]):
                group.keep(version, numbers)
        return (step, *numbers, *group.carried.values())

    def state_dict(self) -> dict[str, Array]:
        """Return everything that the next steps depend on besides the parameters and gradients, as plain arrays.

        Returns
        -------
        dict of ndarray
            Copies by name: options, settings, numbers of steps, states. What ``np.savez`` and safetensors store. A
            learning rate that is a schedule is left out: give it to the optimizer that loads the rest.

        Examples
        --------
        >>> import numpy as np
        >>> import npfuse as nf
        >>> optimizer = nf.SGD([np.zeros(3)], lr=0.1, momentum=0.9)
        >>> [name for name in optimizer.state_dict() if "momentum_buffer" in name]
        ['sgd_momentum.param0.momentum_buffer']
        """
        state: dict[str, Array] = self._exclusively(self._state_dict)
        return state

    def _state_dict(self) -> dict[str, Array]:
        return {name: self._saved(value) for name, value in self._everything().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from where another optimizer of this kind was.

        Parameters
        ----------
        state : mapping of str to ndarray
            What `state_dict` returned, or ``np.load`` of it.

        Raises
        ------
        KeyError
            If a name is missing or unknown, as in the state of another kind of optimizer.
        TypeError
            If `state` is no mapping, or an array is of another dtype or masked.
        ValueError
            If an option of the other optimizer differs from this one's, an array is of another shape, a setting out of
            its range, or a state array of this optimizer read-only. Nothing has changed then.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a mapping of names to arrays, got {type(state).__name__}")
        self._exclusively(self._load_state_dict, state)

    def _load_state_dict(self, state: Mapping[str, Any]) -> None:
        for option, expected in self._fixed.items():
            name = f"{self._kernel}.{option}"
            if name in state and decoded(np.asarray(state[name])) != expected:
                raise ValueError(f"{name} must be {expected!r}, got {shown(decoded(np.asarray(state[name])))}")
        present = self._everything()
        missing, unknown = present.keys() - state.keys(), state.keys() - present.keys()
        if missing or unknown:
            problem = f"lacks {sorted(missing)[0]}" if missing else f"has {sorted(unknown)[0]}, which is unknown here"
            raise KeyError(f"state {problem}")
        loaded = {name: self._fitting(name, state[name], value) for name, value in present.items()}
        arrays = {name: value for name, value in present.items() if ".param" in name and isinstance(value, np.ndarray)}
        for name, array in arrays.items():
            if not array.flags.writeable:
                raise ValueError(f"{name} must be writeable, got a read-only array")
        own = {owner(array) for array in arrays.values()}
        loaded = {name: array.copy() if owner(array) in own else array for name, array in loaded.items()}
        changes = [self._loaded_group(i, group, loaded) for i, group in enumerate(self._groups)]
        for group, change in zip(self._groups, changes, strict=True):
            group.__dict__.update(change.__dict__)
        for i, states in enumerate(self._state):
            for name, state_array in states.items():
                self._restore(state_array, loaded[f"{self._kernel}.param{i}.{name}"])

    def _fitting(self, name: str, given: Any, value: Any) -> NDArray[Any]:
        """Return what is given for a value as an array, having made sure that it can take that value's place."""
        if isinstance(given, np.ma.MaskedArray):
            raise TypeError(f"{name} must be an array without a mask, got {type(given).__name__}")
        array, expected = np.asarray(given), value if isinstance(value, np.ndarray) else self._saved(value)
        if array.shape != expected.shape:
            raise ValueError(f"{name} must be of shape {expected.shape}, got {array.shape}")
        if array.dtype.newbyteorder("=") != expected.dtype:
            raise TypeError(f"{name} must be of {expected.dtype}, got {array.dtype}")
        return array

    def _everything(self) -> dict[str, Any]:
        """Return the settings and numbers, and the arrays themselves, by the names they are saved under."""
        named: dict[str, Any] = {f"{self._kernel}.{name}": encoded(option) for name, option in self._fixed.items()}
        for i, group in enumerate(self._groups):
            numbers = {"steps": np.int64(group.steps), **group, **self._initially_carried(), **group.carried}
            for name, value in numbers.items():
                if not callable(value):
                    named[f"{self._kernel}.group{i}.{name}"] = value
        for i, arrays in enumerate(self._state):
            for name, array in arrays.items():
                named[f"{self._kernel}.param{i}.{name}"] = array
        return named

    def _loaded_group(self, i: int, group: Group, loaded: Mapping[str, Array]) -> Group:
        """Return the group with what was loaded in place of what it had."""
        prefix = f"{self._kernel}.group{i}."
        numbers = {name.removeprefix(prefix): a.tolist() for name, a in loaded.items() if name.startswith(prefix)}
        change = Group(
            group.params, self._checks, {**group, **{name: numbers[name] for name in group if name in numbers}}
        )
        change.steps = integer(f"{prefix}steps", numbers["steps"], 0)
        change.carried = {name: unit_interval(name, numbers[name]) for name in self._initially_carried()}
        return change

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle keeps: everything but the native side, which is made anew."""
        state: dict[str, Any] = self._exclusively(dict, self.__dict__)
        return {name: value for name, value in state.items() if name not in ("_updater", "_exclusively")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._updater = self._new_updater()
        self._exclusively = _native.Exclusive()
        if len(self._state) != len(self.params):
            raise ValueError(f"an optimizer of {len(self.params)} parameters must have as many states")
        states = iter(self._state)
        for i, group in enumerate(self._groups):
            own = [tuple(next(states).values()) for _ in group.params]
            self._updater.add(list(group.params), own, i)
