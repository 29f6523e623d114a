"""What all optimizers have in common."""

from __future__ import annotations

import math
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
    learning_rate,
    no_more_than,
    not_negative,
    positive,
)

Array = NDArray[Any]
Parameters = Sequence[Array] | Sequence[Mapping[str, Any]]

CACHE_LINE = 64


def common_settings(step: float, lr: float, decay: float, *, decoupled: bool, maximize: bool) -> tuple[float, ...]:
    """Return what the native side is told about a step besides a kernel's own settings."""
    sign = -1.0 if maximize else 1.0
    return (step, sign, 0.0, lr * decay) if decoupled else (step, sign, decay, 0.0)


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
    stepper.get()(kernel, param, grad, states, common + own)


def checked_row_numbers(rows: Any, param: Array, grads: Array) -> NDArray[np.int64]:
    """Return the numbers of rows, having made sure that they and their gradients fit the parameter."""
    if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iu":
        raise TypeError(f"rows must be an array of integers, got {getattr(rows, 'dtype', type(rows).__name__)}")
    if not isinstance(grads, np.ndarray):
        raise TypeError(f"grads must be a NumPy array, got {type(grads).__name__}")
    if param.ndim == 0:
        raise ValueError("the parameter has no rows: it is 0-dimensional")
    if rows.ndim != 1 or grads.shape != (len(rows), *param.shape[1:]):
        needed = f"(k,) and {('k', *param.shape[1:])}".replace("'", "")
        raise ValueError(f"rows and grads must be of shapes {needed}, got {rows.shape} and {grads.shape}")
    if len(rows) and (rows.min() < 0 or rows.max() >= len(param)):
        raise IndexError(f"rows must be at least 0 and less than {len(param)}, got {rows.min()} to {rows.max()}")
    return rows.astype(np.int64)


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
        self._groups: list[Group] = []
        self._state: list[dict[str, Array]] = []
        self._updater = self._new_updater()
        for group in self._as_groups(params):
            self.add_group(**group)

    def _checked_seed(self, options: Options) -> int | None:
        seed = options.get("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise TypeError(f"seed must be an integer, got {seed!r}")
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must be at least 0 and less than 2**64, got {seed}")
        if not flag("stochastic_rounding", options.get("stochastic_rounding", False)):
            return None
        if self._master_weights:
            raise ValueError("stochastic_rounding is for parameters without master_weights")
        return int(seed)

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

    def _initially_carried(self) -> dict[str, float]:
        """Return the numbers that a group carries from step to step besides its states."""
        return {}

    def _carried(self, group: Group) -> dict[str, float]:
        """Return them after `group.steps` steps."""
        return {}

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
        return str(np.result_type(param).name)

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
            A gradient for each parameter, of its shape and of any floating-point dtype, byte order and layout.
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
        factor = 1.0 if scale is None else 1.0 / positive("scale", scale)
        largest = math.inf if clip_norm is None else positive("clip_norm", clip_norm)
        settings = [self._settings(group, group.steps + 1) for group in self._groups]
        done: bool = self._updater.step(grads, settings, factor, scale is not None, largest)
        if done:
            for group in self._groups:
                self._count_step(group)
        return done

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
        Momentum and moving averages of the other rows stay as they are, and so do those rows, as in PyTorch's
        ``SparseAdam``. It counts as a step of the parameter's whole group: give each table a group of its own.

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
        if not 0 <= index < len(self._state):
            raise IndexError(f"index must be at least 0 and less than {len(self._state)}, got {index}")
        checked_rows = checked_row_numbers(rows, self.params[index], grads)
        factor = 1.0 if scale is None else 1.0 / positive("scale", scale)
        if scale is not None and not math.isfinite(_native.global_norm((grads,))):
            return False
        group = self._groups[self._updater.group_of(index)]
        order = np.argsort(checked_rows, kind="stable")
        unique, counts = np.unique(checked_rows, return_counts=True)
        settings = self._settings(group, group.steps + 1)
        self._updater.step_rows(index, unique, np.cumsum(counts), order, grads, settings, factor)
        self._count_step(group)
        return True

    def _count_step(self, group: Group) -> None:
        group.steps += 1
        group.carried = self._carried(group)

    def _settings(self, group: Group, step: int) -> tuple[float, ...]:
        lr = group.lr
        common = common_settings(step, lr, group["weight_decay"], decoupled=self._decoupled, maximize=group["maximize"])
        return common + self._own_settings(group, lr, step)

    def state_dict(self) -> dict[str, Array]:
        """Return everything that the next steps depend on besides the parameters and gradients, as plain arrays.

        Returns
        -------
        dict of ndarray
            Copies by name: settings, numbers of steps, states. What ``np.savez`` and safetensors store. A learning rate
            that is a schedule is left out: give it to the optimizer that loads the rest.

        Examples
        --------
        >>> import numpy as np
        >>> import npfuse as nf
        >>> optimizer = nf.SGD([np.zeros(3)], lr=0.1, momentum=0.9)
        >>> sorted(optimizer.state_dict())[-2:]
        ['sgd_momentum.group0.weight_decay', 'sgd_momentum.param0.momentum_buffer']
        """
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
            If an array is of another dtype.
        ValueError
            If an array is of another shape, or a setting out of its range. Nothing has changed then.
        """
        present = self._everything()
        missing, unknown = present.keys() - state.keys(), state.keys() - present.keys()
        if missing or unknown:
            problem = f"lacks {sorted(missing)[0]}" if missing else f"has {sorted(unknown)[0]}, which is unknown here"
            raise KeyError(f"state {problem}")
        loaded = {name: np.asarray(state[name]) for name in present}
        for name, value in present.items():
            expected = self._saved(value)
            if loaded[name].shape != expected.shape:
                raise ValueError(f"{name} must be of shape {expected.shape}, got {loaded[name].shape}")
            if loaded[name].dtype != expected.dtype:
                raise TypeError(f"{name} must be of {expected.dtype}, got {loaded[name].dtype}")
        changes = [self._loaded_group(i, group, loaded) for i, group in enumerate(self._groups)]
        for group, change in zip(self._groups, changes, strict=True):
            group.__dict__.update(change.__dict__)
        for i, arrays in enumerate(self._state):
            for name, array in arrays.items():
                self._restore(array, loaded[f"{self._kernel}.param{i}.{name}"])

    def _everything(self) -> dict[str, Any]:
        """Return the settings and numbers, and the arrays themselves, by the names they are saved under."""
        named: dict[str, Any] = {}
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
        change.steps = numbers["steps"]
        if change.steps < 0:
            raise ValueError(f"{prefix}steps must be at least 0, got {change.steps}")
        change.carried = {name: numbers[name] for name in self._initially_carried()}
        return change

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle keeps: everything but the native side, which is made anew."""
        return {name: value for name, value in self.__dict__.items() if name != "_updater"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._updater = self._new_updater()
        states = iter(self._state)
        for i, group in enumerate(self._groups):
            own = [tuple(next(states).values()) for _ in group.params]
            self._updater.add(list(group.params), own, i)
