"""Yogi: Adam whose running square grows slowly."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rates, not_negative
from npfuse.optimizers._unpack import Unpack


class Yogi(Optimizer):
    """Yogi: Adam whose running square moves by the same amount up or down.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-2
        The learning rate, or a schedule ``steps taken -> learning rate``.
    betas : (float, float), default (0.9, 0.999)
        How much of the running mean and of the running square stays from step to step.
    eps : float, default 1e-3
        Keeps the division finite.
    initial_accumulator : float, default 1e-6
        What both averages begin with.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    yogi_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added, both averages starting at `initial_accumulator`::

        exp_avg = beta1 * exp_avg + (1 - beta1) * g
        exp_avg_sq = exp_avg_sq - (1 - beta2) * sign(exp_avg_sq - g**2) * g**2
        m, v = exp_avg / (1 - beta1**step), exp_avg_sq / (1 - beta2**step)
        p = p - lr * m / (sqrt(v) + eps)

    These are the definition of optax and of pytorch-optimizer, and the defaults of the latter; PyTorch, Keras and ONNX
    have no Yogi.

    References
    ----------
    Zaheer et al. (2018), Adaptive methods for nonconvex optimization.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.Yogi([weights], lr=0.1)
    >>> for _ in range(300):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-2)
    True
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-2,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-3,
        initial_accumulator: float = 1e-6,
        **options: Unpack[Options],
    ) -> None:
        self._initial_accumulator = not_negative("initial_accumulator", initial_accumulator)
        checks = {"betas": decay_rates, "eps": not_negative}
        super().__init__(params, "yogi", checks, {"lr": lr, "betas": betas, "eps": eps}, options)

    def _initial_state(self) -> dict[str, float]:
        return {"exp_avg": self._initial_accumulator, "exp_avg_sq": self._initial_accumulator}

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return (lr, *group["betas"], group["eps"])


def yogi_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    *,
    step: int,
    lr: float = 1e-2,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-3,
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `Yogi` on one parameter, in place.

    Parameters
    ----------
    param, grad, exp_avg, exp_avg_sq : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, betas, eps
        As in `Yogi`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, exp_avg, exp_avg_sq = np.ones(1), np.zeros(1), np.zeros(1)
    >>> nf.yogi_step(param, np.array([3.0]), exp_avg, exp_avg_sq, step=1, lr=0.1)
    >>> param < 1, exp_avg.round(6)
    (array([ True]), array([0.3]))
    """
    own = (not_negative("lr", lr), *decay_rates("betas", betas), not_negative("eps", eps))
    step_once("yogi", param, grad, (exp_avg, exp_avg_sq), step, own, options)
