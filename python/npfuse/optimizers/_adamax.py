"""Adamax: Adam in the maximum norm."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rates, not_negative, one_of
from npfuse.optimizers._unpack import Unpack


class Adamax(Optimizer):
    """Adamax: Adam with the largest gradient of late in place of the root of the running square.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 2e-3
        The learning rate, or a schedule ``steps taken -> learning rate``.
    betas : (float, float), default (0.9, 0.999)
        How much of the running mean and of the running maximum stays from step to step.
    eps : float, default 1e-8
        Keeps the division finite.
    eps_placement : {"inside", "outside"}, default "inside"
        Whether `eps` is added to the gradient's magnitude inside the maximum, or to the maximum.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    adamax_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        exp_avg = beta1 * exp_avg + (1 - beta1) * g
        exp_inf = max(beta2 * exp_inf, abs(g) + eps)
        p = p - lr / (1 - beta1**step) * exp_avg / exp_inf

    These are PyTorch's definition and defaults. Keras: ``lr=0.001, eps=1e-7, eps_placement="outside"``.

    References
    ----------
    Kingma and Ba (2015), Adam: a method for stochastic optimization, section 7.1.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.Adamax([weights], lr=0.1)
    >>> for _ in range(200):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        eps_placement: str = "inside",
        **options: Unpack[Options],
    ) -> None:
        place = self._eps_placement = one_of("eps_placement", eps_placement, ("inside", "outside"))
        checks = {"betas": decay_rates, "eps": not_negative}
        settings = {"lr": lr, "betas": betas, "eps": eps}
        super().__init__(params, "adamax", checks, settings, options, {"eps_placement": place})

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return _settings(lr, group["betas"], group["eps"], self._eps_placement)


def adamax_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_inf: Array,
    *,
    step: int,
    lr: float = 2e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    eps_placement: str = "inside",
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `Adamax` on one parameter, in place.

    Parameters
    ----------
    param, grad, exp_avg, exp_inf : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, betas, eps, eps_placement
        As in `Adamax`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, exp_avg, exp_inf = np.ones(1), np.zeros(1), np.zeros(1)
    >>> nf.adamax_step(param, np.array([3.0]), exp_avg, exp_inf, step=1, lr=0.1)
    >>> param.round(6), exp_inf.round(6)
    (array([0.9]), array([3.]))
    """
    one_of("eps_placement", eps_placement, ("inside", "outside"))
    own = _settings(not_negative("lr", lr), decay_rates("betas", betas), not_negative("eps", eps), eps_placement)
    step_once("adamax", param, grad, (exp_avg, exp_inf), step, own, options)


def _settings(lr: float, betas: tuple[float, float], eps: float, eps_placement: str) -> tuple[float, ...]:
    return (lr, *betas, eps, 0.0) if eps_placement == "inside" else (lr, *betas, 0.0, eps)
