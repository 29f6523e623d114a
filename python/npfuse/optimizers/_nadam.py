"""NAdam: Adam that looks ahead."""

from __future__ import annotations

import math

from npfuse import _native
from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rates, not_negative, unit_interval
from npfuse.optimizers._unpack import Unpack


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov's momentum.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 2e-3
        The learning rate, or a schedule ``steps taken -> learning rate``.
    betas : (float, float), default (0.9, 0.999)
        How much of the running mean and of the running square stays from step to step.
    eps : float, default 1e-8
        Keeps the division finite.
    momentum_decay : float, default 4e-3
        How fast the momentum warms up to ``betas[0]``.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    nadam_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added, and ``mu(t) = beta1 * (1 - 0.5 * 0.96**(t * momentum_decay))``::

        exp_avg = beta1 * exp_avg + (1 - beta1) * g
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g**2
        m = mu(t + 1) * exp_avg / (1 - mu(1) * ... * mu(t + 1)) + (1 - mu(t)) * g / (1 - mu(1) * ... * mu(t))
        p = p - lr * m / (sqrt(exp_avg_sq / (1 - beta2**t)) + eps)

    These are PyTorch's definition and defaults. Keras: ``lr=0.001, eps=1e-7, momentum_decay=1``. In optax's ``nadam``
    mu is constant.

    References
    ----------
    Dozat (2016), Incorporating Nesterov momentum into Adam.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.NAdam([weights], lr=0.1)
    >>> for _ in range(200):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    _carries = True

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        **options: Unpack[Options],
    ) -> None:
        checks = {"betas": decay_rates, "eps": not_negative, "momentum_decay": not_negative}
        settings = {"lr": lr, "betas": betas, "eps": eps, "momentum_decay": momentum_decay}
        super().__init__(params, "nadam", checks, settings, options)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return (lr, *group["betas"], group["eps"], group["momentum_decay"])

    def _initially_carried(self) -> dict[str, float]:
        return {"mu_product": 1.0}

    def _carried(self, group: Group, step: int) -> dict[str, float]:
        return {"mu_product": _next(group.carried["mu_product"], group["betas"][0], group["momentum_decay"], step)}


def nadam_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    mu_product: float = 1.0,
    *,
    step: int,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    momentum_decay: float = 4e-3,
    **options: Unpack[StepOptions],
) -> float:
    """Take a step of `NAdam` on one parameter, in place.

    Parameters
    ----------
    param, grad, exp_avg, exp_avg_sq : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    mu_product : float, default 1
        What the step before returned.
    lr, betas, eps, momentum_decay
        As in `NAdam`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Returns
    -------
    float
        The `mu_product` of the next step.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, exp_avg, exp_avg_sq = np.ones(1), np.zeros(1), np.zeros(1)
    >>> mu_product = nf.nadam_step(param, np.array([3.0]), exp_avg, exp_avg_sq, step=1)
    >>> round(mu_product, 3)
    0.45
    """
    mu_product = unit_interval("mu_product", mu_product)
    betas, momentum_decay = decay_rates("betas", betas), not_negative("momentum_decay", momentum_decay)
    rates = (not_negative("lr", lr), *betas, not_negative("eps", eps), momentum_decay)
    step_once("nadam", param, grad, (exp_avg, exp_avg_sq), step, (*rates, mu_product), options)
    following: float = _native.guarded(_next, mu_product, betas[0], momentum_decay, int(step))
    return following


def _next(mu_product: float, beta1: float, momentum_decay: float, step: int) -> float:
    """Return the product as it is after this step."""
    return mu_product * (beta1 * (1.0 - 0.5 * math.pow(0.96, step * momentum_decay)))
