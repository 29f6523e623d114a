"""RAdam: Adam that waits until its running square can be trusted."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rates, not_negative
from npfuse.optimizers._unpack import Unpack


class RAdam(Optimizer):
    """RAdam: Adam whose division begins when the running square has seen enough.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-3
        The learning rate, or a schedule ``steps taken -> learning rate``.
    betas : (float, float), default (0.9, 0.999)
        How much of the running mean and of the running square stays from step to step.
    eps : float, default 1e-8
        Keeps the division finite.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    radam_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        exp_avg = beta1 * exp_avg + (1 - beta1) * g
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g**2
        m = exp_avg / (1 - beta1**t)
        rho = 2 / (1 - beta2) - 1
        r = rho - 2 * t * beta2**t / (1 - beta2**t)
        p = p - lr * m                                                          while r <= 5, then
        p = p - lr * m * sqrt((r - 4) * (r - 2) * rho / ((rho - 4) * (rho - 2) * r) * (1 - beta2**t))
                / (sqrt(exp_avg_sq) + eps)

    These are PyTorch's definition and defaults. optax begins at r >= 5 and adds eps to the corrected root.

    References
    ----------
    Liu et al. (2020), On the variance of the adaptive learning rate and beyond.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.RAdam([weights], lr=0.1)
    >>> for _ in range(200):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 0.02)
    True
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **options: Unpack[Options],
    ) -> None:
        checks = {"betas": decay_rates, "eps": not_negative}
        super().__init__(params, "radam", checks, {"lr": lr, "betas": betas, "eps": eps}, options)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return (lr, *group["betas"], group["eps"])


def radam_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    *,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `RAdam` on one parameter, in place.

    Parameters
    ----------
    param, grad, exp_avg, exp_avg_sq : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, betas, eps
        As in `RAdam`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, exp_avg, exp_avg_sq = np.ones(1), np.zeros(1), np.zeros(1)
    >>> nf.radam_step(param, np.array([3.0]), exp_avg, exp_avg_sq, step=1, lr=0.1)
    >>> param < 1, exp_avg.round(6)
    (array([ True]), array([0.3]))
    """
    own = (not_negative("lr", lr), *decay_rates("betas", betas), not_negative("eps", eps))
    step_once("radam", param, grad, (exp_avg, exp_avg_sq), step, own, options)
