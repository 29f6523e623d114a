"""Adam: the gradient's running mean over the root of its running square."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import Group, Options, Schedule, StepOptions, decay_rates, flag, not_negative, one_of
from npfuse.optimizers._unpack import Unpack

EPS_PLACES = ("outside", "inside", "hat")


class Adam(Optimizer):
    """Adam, or AMSGrad.

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
    amsgrad : bool, default False
        Divide by the root of the largest running square so far.
    eps_placement : {"outside", "inside", "hat"}, default "outside"
        Where `eps` is added: to the root of the corrected square; to the corrected square, inside the root; or to the
        root of the uncorrected square, whose correction moves into the learning rate.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    AdamW : the same with decoupled weight decay.
    adam_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        exp_avg = beta1 * exp_avg + (1 - beta1) * g
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g**2
        m, v = exp_avg / (1 - beta1**step), exp_avg_sq / (1 - beta2**step)
        p = p - lr * m / (sqrt(v) + eps)

    These are PyTorch's definitions and defaults, and optax's (whose ``eps_root`` is "inside"). Keras, ONNX, thinc and
    scikit-learn place eps as "hat", with 1e-7, 1e-6, 1e-8 and 1e-8; Keras decouples weight decay.

    References
    ----------
    Kingma and Ba (2015), Adam: a method for stochastic optimization.
    Reddi, Kale and Kumar (2018), On the convergence of Adam and beyond.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.Adam([weights], lr=0.1)
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
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        *,
        eps_placement: str = "outside",
        **options: Unpack[Options],
    ) -> None:
        place = self._eps_placement = one_of("eps_placement", eps_placement, EPS_PLACES)
        kernel = _kernel(flag("amsgrad", amsgrad), place)
        checks = {"betas": decay_rates, "eps": not_negative}
        settings = {"lr": lr, "betas": betas, "eps": eps}
        super().__init__(params, kernel, checks, settings, options, {"eps_placement": place})

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        return _settings(lr, group["betas"], group["eps"], self._eps_placement)


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-3
        The learning rate, or a schedule ``steps taken -> learning rate``.
    betas, eps, amsgrad, eps_placement
        As in `Adam`, with the same defaults.
    **options
        As in `Adam`, but ``weight_decay`` is 0.01 and ``decoupled_weight_decay`` True unless told otherwise.

    Notes
    -----
    `Adam`'s step on the bare gradient, and besides it ``p = p - lr * weight_decay * p``. These are PyTorch's definition
    and default; optax's weight_decay is 1e-4, Keras's 0.004.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.AdamW([weights], lr=0.1)
    >>> for _ in range(200):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    _decoupled_by_default = True
    _default_weight_decay = 0.01


def adam_step(
    param: Array,
    grad: Array,
    exp_avg: Array,
    exp_avg_sq: Array,
    max_exp_avg_sq: Array | None = None,
    *,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    eps_placement: str = "outside",
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `Adam` on one parameter, in place; of AMSGrad where `max_exp_avg_sq` is given.

    Parameters
    ----------
    param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, betas, eps, eps_placement
        As in `Adam`.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, exp_avg, exp_avg_sq = np.ones(1), np.zeros(1), np.zeros(1)
    >>> nf.adam_step(param, np.array([3.0]), exp_avg, exp_avg_sq, step=1, lr=0.1)
    >>> param.round(6)
    array([0.9])
    """
    one_of("eps_placement", eps_placement, EPS_PLACES)
    own = _settings(not_negative("lr", lr), decay_rates("betas", betas), not_negative("eps", eps), eps_placement)
    states = (exp_avg, exp_avg_sq) if max_exp_avg_sq is None else (exp_avg, exp_avg_sq, max_exp_avg_sq)
    step_once(_kernel(len(states) == 3, eps_placement), param, grad, states, step, own, options)


def _kernel(amsgrad: bool, eps_placement: str) -> str:
    if amsgrad:
        return "adam_amsgrad"
    return "adam_inside" if eps_placement == "inside" else "adam"


def _settings(lr: float, betas: tuple[float, float], eps: float, eps_placement: str) -> tuple[float, ...]:
    outside, inside, hat = EPS_PLACES
    here = eps_placement
    return (lr, *betas, eps if here == outside else 0.0, eps if here == inside else 0.0, eps if here == hat else 0.0)
