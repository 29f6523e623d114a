"""Gradient descent, with or without momentum."""

from __future__ import annotations

from typing import ClassVar

from npfuse.optimizers._base import Optimizer, Parameters
from npfuse.optimizers._settings import Group, Schedule, flag, not_negative, number


class SGD(Optimizer):
    """Gradient descent: batch, stochastic or mini-batch, as the gradients are.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place: contiguous or not, of float16, bfloat16, float32 or float64. Or groups of parameters:
        dicts of "params" and of any other setting that differs from the arguments here.
    lr : float or callable, default 1e-3
        The learning rate, or a schedule: called with the number of steps taken so far, it returns the learning rate.
    momentum : float, default 0
        How much of the buffer stays from step to step.
    dampening : float, default 0
        Takes from what of the gradient enters the buffer.
    weight_decay : float, default 0
        Times the parameter, added to the gradient.
    nesterov : bool, default False
        Look ahead: step along the gradient plus momentum times the new buffer.
    maximize : bool, default False
        Go up the gradient instead of down.
    velocity : bool, default False
        Let the buffer hold steps, that is gradients times the learning rate, as Keras does. It makes a difference when
        the learning rate changes between steps.

    Raises
    ------
    TypeError
        If `params` is no list of floating-point arrays.
    ValueError
        If a setting is out of its range, or a parameter is read-only or shares memory with another one.

    Notes
    -----
    With g = gradient + weight_decay * p::

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
    ...     optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    _checks: ClassVar = {**Optimizer._checks, "momentum": not_negative, "dampening": number}

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        velocity: bool = False,
    ) -> None:
        self._nesterov = flag("nesterov", nesterov)
        self._velocity = flag("velocity", velocity)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")
        if dampening != 0 or velocity:
            kernel = "sgd_dampened"
        elif momentum != 0:
            kernel = "sgd_nesterov" if nesterov else "sgd_momentum"
        else:
            kernel = "sgd"
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, kernel, settings)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        momentum, dampening = group["momentum"], group["dampening"]
        if self._kernel == "sgd_dampened":
            return (lr, momentum, dampening, float(self._velocity), float(self._nesterov))
        return (lr,) if self._kernel == "sgd" else (lr, momentum)
