"""AdaBelief: the gradient's running mean over the root of its running variance."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rates, not_negative
from npfuse.optimizers._unpack import Unpack


class AdaBelief(Optimizer):
    """AdaBelief: Adam that divides by how far the gradient strays from its running mean.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-3
        The learning rate, or a schedule ``steps taken -> learning rate``.
    betas : (float, float), default (0.9, 0.999)
        How much of the running mean and of the running variance stays from step to step.
    eps : float, default 1e-16
        Keeps the division finite.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    adabelief_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        exp_avg = beta1 * exp_avg + (1 - beta1) * g
        exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * (g - exp_avg)**2 + eps
        m, s = exp_avg / (1 - beta1**step), exp_avg_var / (1 - beta2**step)
        p = p - lr * m / (sqrt(s) + eps)

    These are the authors' definition and defaults, without rectification, and optax's; PyTorch, Keras and ONNX have no
    AdaBelief.

    References
    ----------
    Zhuang et al. (2020), AdaBelief optimizer: adapting stepsizes by the belief in observed gradients.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.AdaBelief([weights], lr=0.1)
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
        eps: float = 1e-16,
        **options: Unpack[Options],
    ) -> None:
        checks = {"betas": decay_rates, "eps": not_negative}
        super().__init__(params, "adabelief", checks, {"lr": lr, "betas": betas, "eps": eps}, options)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return (lr, *group["betas"], group["eps"])


def adabelief_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_var: Array,
    *,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-16,
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `AdaBelief` on one parameter, in place.

    Parameters
    ----------
    param, grad, exp_avg, exp_avg_var : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, betas, eps
        As in `AdaBelief`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, exp_avg, exp_avg_var = np.ones(1), np.zeros(1), np.zeros(1)
    >>> nf.adabelief_step(param, np.array([3.0]), exp_avg, exp_avg_var, step=1, lr=0.1)
    >>> param < 1, exp_avg.round(6)
    (array([ True]), array([0.3]))
    """
    own = (not_negative("lr", lr), *decay_rates("betas", betas), not_negative("eps", eps))
    step_once("adabelief", param, grad, (exp_avg, exp_avg_var), step, own, options)
