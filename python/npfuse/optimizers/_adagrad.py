"""Adagrad: every parameter's learning rate shrinks with its own gradients so far."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, not_negative, one_of
from npfuse.optimizers._unpack import Unpack

_KERNELS = {"outside": "adagrad", "inside": "adagrad_inside"}


class Adagrad(Optimizer):
    """Adagrad: suits sparse gradients, whose rare parameters keep a high learning rate.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-2
        The learning rate, or a schedule ``steps taken -> learning rate``.
    lr_decay : float, default 0
        The learning rate of step t is ``lr / (1 + (t - 1) * lr_decay)``.
    initial_accumulator_value : float, default 0
        What the sum of squares begins with.
    eps : float, default 1e-10
        Keeps the division finite.
    eps_placement : {"outside", "inside"}, default "outside"
        Whether `eps` is added to the root or inside it.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    adagrad_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        sum = sum + g**2
        p = p - lr * g / (sqrt(sum) + eps)

    These are PyTorch's definition and defaults. Keras and optax: ``initial_accumulator_value=0.1, eps=1e-7,
    eps_placement="inside"``, lr 0.001 in Keras; ONNX: ``eps=1e-6``.

    References
    ----------
    Duchi, Hazan and Singer (2011), Adaptive subgradient methods for online learning and stochastic optimization.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.Adagrad([weights], lr=1.0)
    >>> for _ in range(200):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    _steps_rows = True

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-2,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        eps_placement: str = "outside",
        **options: Unpack[Options],
    ) -> None:
        self._initial_sum = not_negative("initial_accumulator_value", initial_accumulator_value)
        place = self._eps_placement = one_of("eps_placement", eps_placement, _KERNELS)
        checks = {"lr_decay": not_negative, "eps": not_negative}
        settings = {"lr": lr, "lr_decay": lr_decay, "eps": eps}
        super().__init__(params, _KERNELS[place], checks, settings, options, {"eps_placement": place})

    def _initial_state(self) -> dict[str, float]:
        return {"sum": self._initial_sum}

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return _settings(lr, group["lr_decay"], group["eps"], self._eps_placement)


def adagrad_step(
    param: Array,
    grad: Array,
    sum: Array,
    *,
    step: int,
    lr: float,
    lr_decay: float = 0.0,
    eps: float = 1e-10,
    eps_placement: str = "outside",
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `Adagrad` on one parameter, in place.

    Parameters
    ----------
    param, grad, sum : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, lr_decay, eps, eps_placement
        As in `Adagrad`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, total = np.array([1.0, 2.0]), np.zeros(2)
    >>> nf.adagrad_step(param, np.array([1.0, 3.0]), total, step=1, lr=0.5)
    >>> param, total
    (array([0.5, 1.5]), array([1., 9.]))
    """
    one_of("eps_placement", eps_placement, _KERNELS)
    lr, lr_decay, eps = not_negative("lr", lr), not_negative("lr_decay", lr_decay), not_negative("eps", eps)
    step_once(_KERNELS[eps_placement], param, grad, (sum,), step, _settings(lr, lr_decay, eps, eps_placement), options)


def _settings(lr: float, lr_decay: float, eps: float, eps_placement: str) -> tuple[float, ...]:
    return (lr, lr_decay, eps, 0.0) if eps_placement == "outside" else (lr, lr_decay, 0.0, eps)
