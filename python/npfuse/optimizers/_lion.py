"""Lion: the sign of a running mean."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rates, not_negative
from npfuse.optimizers._unpack import Unpack


class Lion(Optimizer):
    """Lion: every step moves each number by the learning rate, up or down.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-4
        The learning rate, or a schedule ``steps taken -> learning rate``.
    betas : (float, float), default (0.9, 0.99)
        How much of the running mean counts in the step, and how much of it stays from step to step.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.
        Weight decay is decoupled unless told otherwise.

    See Also
    --------
    lion_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient::

        p = p - lr * (sign(beta1 * exp_avg + (1 - beta1) * g) + weight_decay * p)
        exp_avg = beta2 * exp_avg + (1 - beta2) * g

    These are the authors' definition and betas, and those of optax and Keras, whose learning rates are 1e-3 and whose
    weight_decay is 1e-3 in optax. PyTorch and ONNX have no Lion.

    References
    ----------
    Chen et al. (2023), Symbolic discovery of optimization algorithms.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.Lion([weights], lr=0.01)
    >>> for _ in range(600):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    _decoupled_by_default = True

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        **options: Unpack[Options],
    ) -> None:
        super().__init__(params, "lion", {"betas": decay_rates}, {"lr": lr, "betas": betas}, options)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return (lr, *group["betas"])


def lion_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    *,
    step: int,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.99),
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `Lion` on one parameter, in place.

    Parameters
    ----------
    param, grad, exp_avg : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, betas
        As in `Lion`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.
        Weight decay is decoupled unless told otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, exp_avg = np.ones(1), np.zeros(1)
    >>> nf.lion_step(param, np.array([3.0]), exp_avg, step=1, lr=0.25)
    >>> param, exp_avg.round(6)
    (array([0.75]), array([0.03]))
    """
    own = (not_negative("lr", lr), *decay_rates("betas", betas))
    step_once("lion", param, grad, (exp_avg,), step, own, {"decoupled_weight_decay": True, **options})
