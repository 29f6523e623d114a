"""Gradient descent, with or without momentum."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, flag, not_negative, number
from npfuse.optimizers._unpack import Unpack


class SGD(Optimizer):
    """Gradient descent: batch, stochastic or mini-batch, as the gradients are.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-3
        The learning rate, or a schedule ``steps taken -> learning rate``.
    momentum : float, default 0
        How much of the buffer stays from step to step.
    dampening : float, default 0
        Takes from what of the gradient enters the buffer.
    nesterov : bool, default False
        Look ahead: step along the gradient plus momentum times the new buffer.
    velocity : bool, default False
        Let the buffer hold steps, gradients times the learning rate, as Keras does. It makes a difference when the
        learning rate changes between steps.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    sgd_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        buffer = momentum * buffer + (1 - dampening) * g        on the first step: buffer = g
        p = p - lr * buffer                                     nesterov: p - lr * (g + momentum * buffer)

    These are PyTorch's definitions and defaults; ONNX's ``Momentum`` is the same with beta = 1 - dampening. Keras
    defaults to lr = 0.01 and keeps the learning rate inside the buffer: ``velocity=True``.

    References
    ----------
    Robbins and Monro (1951), A stochastic approximation method.
    Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    Sutskever et al. (2013), On the importance of initialization and momentum in deep learning.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.SGD([weights], lr=0.1, momentum=0.9)
    >>> for _ in range(200):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    _steps_rows = True

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        *,
        velocity: bool = False,
        **options: Unpack[Options],
    ) -> None:
        self._nesterov = flag("nesterov", nesterov)
        self._velocity = flag("velocity", velocity)
        momentum, dampening = not_negative("momentum", momentum), number("dampening", dampening)
        kernel = _kernel(momentum, dampening, self._nesterov, self._velocity)
        checks = {} if kernel == "sgd" else {"momentum": not_negative}
        if kernel == "sgd_dampened":
            checks["dampening"] = number
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening}
        fixed = {"nesterov": self._nesterov, "velocity": self._velocity}
        super().__init__(params, kernel, checks, settings, options, fixed)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        momentum, dampening = group.get("momentum", 0.0), group.get("dampening", 0.0)
        return _settings(self._kernel, lr, momentum, dampening, self._nesterov, self._velocity)


def sgd_step(
    param: Array,
    grad: Array,
    momentum_buffer: Array | None = None,
    *,
    step: int,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    velocity: bool = False,
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `SGD` on one parameter, in place.

    Parameters
    ----------
    param, grad, momentum_buffer : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, momentum, dampening, nesterov, velocity
        As in `SGD`; the buffer is needed where there is momentum.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param = np.array([1.0, 2.0])
    >>> nf.sgd_step(param, np.array([1.0, 1.0]), step=1, lr=0.5)
    >>> param
    array([0.5, 1.5])
    """
    momentum, dampening = not_negative("momentum", momentum), number("dampening", dampening)
    nesterov, velocity = flag("nesterov", nesterov), flag("velocity", velocity)
    kernel = _kernel(momentum, dampening, nesterov, velocity)
    if (kernel == "sgd") != (momentum_buffer is None):
        raise ValueError("momentum_buffer is needed where there is momentum, and only there")
    own = _settings(kernel, not_negative("lr", lr), momentum, dampening, nesterov, velocity)
    states = () if momentum_buffer is None else (momentum_buffer,)
    step_once(kernel, param, grad, states, step, own, options)


def _kernel(momentum: float, dampening: float, nesterov: bool, velocity: bool) -> str:
    if nesterov and (momentum == 0 or dampening != 0):
        raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")
    if momentum == 0:
        return "sgd"
    if dampening != 0 or velocity:
        return "sgd_dampened"
    return "sgd_nesterov" if nesterov else "sgd_momentum"


def _settings(
    kernel: str, lr: float, momentum: float, dampening: float, nesterov: bool, velocity: bool
) -> tuple[float, ...]:
    if kernel == "sgd_dampened":
        return (lr, momentum, dampening, float(velocity), float(nesterov))
    return (lr,) if kernel == "sgd" else (lr, momentum)
