"""Adam: the gradient's running mean over the root of its running square."""

from __future__ import annotations

from typing import ClassVar

from npfuse.optimizers._base import Optimizer, Parameters
from npfuse.optimizers._settings import Group, Schedule, decay_rates, flag, not_negative


class Adam(Optimizer):
    """Adam, or AMSGrad.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place: contiguous or not, of float16, bfloat16, float32 or float64. Or groups of parameters:
        dicts of "params" and of any other setting that differs from the arguments here.
    lr : float or callable, default 1e-3
        The learning rate, or a schedule: called with the number of steps taken so far, it returns the learning rate.
    betas : (float, float), default (0.9, 0.999)
        How much of the running mean and of the running square stays from step to step.
    eps : float, default 1e-8
        Keeps the division finite.
    weight_decay : float, default 0
        Times the parameter, added to the gradient.
    amsgrad : bool, default False
        Divide by the root of the largest running square so far.
    eps_placement : {"outside", "inside", "hat"}, default "outside"
        Where `eps` is added: to the root of the corrected square; to the corrected square, inside the root; or to the
        root of the uncorrected square, whose correction moves into the learning rate.
    decoupled_weight_decay : bool, default False
        Subtract ``lr * weight_decay * p`` from the parameter, instead of adding to the gradient: `AdamW`.
    maximize : bool, default False
        Go up the gradient instead of down.

    Raises
    ------
    TypeError
        If `params` is no list of floating-point arrays.
    ValueError
        If a setting is out of its range, or a parameter is read-only or shares memory with another one.

    See Also
    --------
    AdamW : the same with decoupled weight decay.

    Notes
    -----
    With g = gradient + weight_decay * p::

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
    ...     optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 1e-3)
    True
    """

    _checks: ClassVar = {**Optimizer._checks, "betas": decay_rates, "eps": not_negative}
    _eps_places = ("outside", "inside", "hat")

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        eps_placement: str = "outside",
        decoupled_weight_decay: bool = False,
        maximize: bool = False,
    ) -> None:
        if eps_placement not in self._eps_places:
            raise ValueError(f"eps_placement must be one of {', '.join(self._eps_places)}, got {eps_placement!r}")
        self._eps_placement = eps_placement
        self._decoupled_weight_decay = flag("decoupled_weight_decay", decoupled_weight_decay)
        kernel = "adam_amsgrad" if flag("amsgrad", amsgrad) else "adam"
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, kernel, settings)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        eps = group["eps"]
        return (lr, *group["betas"], *(eps if place == self._eps_placement else 0.0 for place in self._eps_places))
