"""RMSprop: the gradient over the root of its running square."""

from __future__ import annotations

from npfuse.optimizers._base import Array, Optimizer, Parameters, step_once
from npfuse.optimizers._settings import (
    Check,
    Group,
    Options,
    Schedule,
    StepOptions,
    decay_rate,
    flag,
    not_negative,
    one_of,
)
from npfuse.optimizers._unpack import Unpack


class RMSprop(Optimizer):
    """RMSprop, plain or centered, with or without momentum.

    Parameters
    ----------
    params : list of ndarray, or of dict
        What to update, in place; dicts are groups with settings of their own.
    lr : float or callable, default 1e-2
        The learning rate, or a schedule ``steps taken -> learning rate``.
    alpha : float, default 0.99
        How much of the running averages stays from step to step.
    eps : float, default 1e-8
        Keeps the division finite.
    momentum : float, default 0
        How much of the buffer of quotients stays from step to step.
    centered : bool, default False
        Divide by the root of the running variance instead of the running square.
    eps_placement : {"outside", "inside"}, default "outside"
        Whether `eps` is added to the root or inside it.
    velocity : bool, default False
        With momentum, let the buffer hold steps, quotients times the learning rate, as Keras does.
    **options
        ``weight_decay``, ``decoupled_weight_decay``, ``maximize`` and the rest that `Optimizer` describes, as well as
        what it raises.

    See Also
    --------
    rmsprop_step : the same without an object, for one parameter.

    Notes
    -----
    With g the gradient, weight decay added::

        square_avg = alpha * square_avg + (1 - alpha) * g**2
        grad_avg = alpha * grad_avg + (1 - alpha) * g               where centered
        v = square_avg                                              centered: square_avg - grad_avg**2
        buffer = momentum * buffer + g / (sqrt(v) + eps)
        p = p - lr * buffer

    These are PyTorch's definitions and defaults. Keras: ``alpha=0.9, eps=1e-7, eps_placement="inside", velocity=True``;
    optax: ``alpha=0.9, eps_placement="inside"``. Where rounding makes the running variance negative it counts as 0;
    elsewhere the parameter becomes NaN then.

    References
    ----------
    Tieleman and Hinton (2012), Lecture 6.5, rmsprop: divide the gradient by a running average of its recent magnitude.
    Graves (2013), Generating sequences with recurrent neural networks.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> weights = np.array([1.0, -2.0])
    >>> optimizer = nf.RMSprop([weights], lr=0.01)
    >>> for _ in range(500):
    ...     _ = optimizer.step([2 * weights])  # the gradient of the sum of squares
    >>> bool(np.abs(weights).max() < 0.02)
    True
    """

    def __init__(
        self,
        params: Parameters,
        lr: float | Schedule = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        eps_placement: str = "outside",
        velocity: bool = False,
        **options: Unpack[Options],
    ) -> None:
        place = self._eps_placement = one_of("eps_placement", eps_placement, ("outside", "inside"))
        self._velocity = flag("velocity", velocity)
        kernel = _kernel(not_negative("momentum", momentum), flag("centered", centered))
        checks: dict[str, Check] = {"alpha": decay_rate, "eps": not_negative}
        if momentum != 0:
            checks["momentum"] = not_negative
        settings = {"lr": lr, "alpha": alpha, "eps": eps, "momentum": momentum}
        fixed: dict[str, bool | str] = {"eps_placement": place, "velocity": self._velocity}
        super().__init__(params, kernel, checks, settings, options, fixed)

    def _own_settings(self, group: Group, lr: float) -> tuple[float, ...]:
        settings = (lr, group["alpha"], group["eps"], self._eps_placement)
        return _settings(*settings, group.get("momentum", 0.0), self._velocity)


def rmsprop_step(
    param: Array,
    grad: Array,
    square_avg: Array,
    momentum_buffer: Array | None = None,
    grad_avg: Array | None = None,
    *,
    step: int,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    eps_placement: str = "outside",
    velocity: bool = False,
    **options: Unpack[StepOptions],
) -> None:
    """Take a step of `RMSprop` on one parameter, in place.

    Parameters
    ----------
    param, grad, square_avg, momentum_buffer, grad_avg : ndarray
        The parameter, its gradient and the states, all but the gradient updated in place. States are float32, of a
        float64 parameter float64.
    step : int
        The number of this step; the first is 1.
    lr, alpha, eps, momentum, eps_placement, velocity
        As in `RMSprop`; the buffer is needed where there is momentum. It is centered where `grad_avg` is given.
    **options
        ``weight_decay``, ``decoupled_weight_decay`` and ``maximize``, as in `Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> import npfuse as nf
    >>> param, square_avg = np.ones(1), np.zeros(1)
    >>> nf.rmsprop_step(param, np.array([3.0]), square_avg, step=1, lr=0.01)
    >>> param.round(6), square_avg.round(6)
    (array([0.9]), array([0.09]))
    """
    one_of("eps_placement", eps_placement, ("outside", "inside"))
    momentum = not_negative("momentum", momentum)
    if (momentum == 0) != (momentum_buffer is None):
        raise ValueError("momentum_buffer is needed where there is momentum, and only there")
    settings = (not_negative("lr", lr), decay_rate("alpha", alpha), not_negative("eps", eps), eps_placement)
    states = (square_avg, *(state for state in (momentum_buffer, grad_avg) if state is not None))
    own = _settings(*settings, momentum, flag("velocity", velocity))
    step_once(_kernel(momentum, grad_avg is not None), param, grad, states, step, own, options)


def _kernel(momentum: float, centered: bool) -> str:
    return "rmsprop" + ("_centered" if centered else "") + ("_momentum" if momentum != 0 else "")


def _settings(
    lr: float, alpha: float, eps: float, eps_placement: str, momentum: float, velocity: bool
) -> tuple[float, ...]:
    placed = (eps, 0.0) if eps_placement == "outside" else (0.0, eps)
    return (lr, alpha, *placed) if momentum == 0 else (lr, alpha, *placed, momentum, float(velocity))
