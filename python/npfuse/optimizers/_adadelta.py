"""Adadelta: steps in units of the steps so far."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rate, not_negative
from npfuse.optimizers._unpack import Unpack


class Adadelta(Optimizer):
    """Adadelta: needs no learning rate; steps are in units of the steps so far.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1.0
        The learning rate, or a schedule ``steps taken -> learning rate``.
    rho : float, default 0.9
        How much of the running squares stays from step to step.
    eps : float, default 1e-6
        Added inside both roots.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    adadelta_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        square_avg = rho * square_avg + (1 - rho) * g**2
        d = sqrt(acc_delta + eps) / sqrt(square_avg + eps) * g
        acc_delta = rho * acc_delta + (1 - rho) * d**2
        p = p - lr * d

    Everybody computes this. The defaults are PyTorch's; Keras has lr 0.001, rho 0.95 and eps 1e-7.

    References
    ----------
    Zeiler (2012), ADADELTA: an adaptive learning rate method.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.Adadelta([weights])
    >>> for _ in range(2000):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        **options: Unpack[Options],
    ) -> None:
        checks = {"rho": decay_rate, "eps": not_negative}
        super().__init__(params, "adadelta", checks, {"lr": lr, "rho": rho, "eps": eps}, options)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return (lr, group["rho"], group["eps"])


def adadelta_step(
    param: Array,
    grad: Array,
    square_avg: Array,
    acc_delta: Array,
    *,
    step: int,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `Adadelta` on one parameter, in place.

    Parameters
    ----------
    param, grad, square_avg, acc_delta : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, rho, eps
        As in `Adadelta`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, square_avg, acc_delta = np.ones(1), np.zeros(1), np.zeros(1)
    >>> nf.adadelta_step(param, np.array([3.0]), square_avg, acc_delta, step=1)
    >>> square_avg.round(3), param < 1
    (array([0.9]), array([ True]))
    """
    own = (not_negative("lr", lr), decay_rate("rho", rho), not_negative("eps", eps))
    step_once("adadelta", param, grad, (square_avg, acc_delta), step, own, options)
