"""Learning rates that change: functions ``steps taken -> learning rate`` for any optimizer's ``lr``.

>>> import numpy as np
>>> import npfuse as nf
>>> optimizer = nf.SGD([np.ones(3)], lr=nf.schedules.cosine(0.1, steps=100))
>>> optimizer.lr
0.1

What these functions return can be pickled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from npfuse import _native
from npfuse.optimizers._settings import LARGEST, Schedule, finite, integer, not_negative, positive, shown

__all__ = ["constant", "cosine", "exponential", "one_cycle", "step", "warm_up"]


def constant(lr: float) -> Schedule:
    """Return the same learning rate for ever.

    Parameters
    ----------
    lr : float
        The learning rate, at least 0.

    Returns
    -------
    callable
        ``steps taken -> learning rate``.

    Examples
    --------
    >>> import npfuse as nf
    >>> nf.schedules.constant(0.1)(1000)
    0.1
    """
    return _schedule(_constant, not_negative("lr", lr))


def step(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """Multiply the learning rate by a factor every so many steps: PyTorch's ``StepLR``.

    Parameters
    ----------
    lr : float
        The first learning rate, at least 0.
    every : int
        How many steps a learning rate lasts, at least 1.
    factor : float, default 0.1
        At least 0.

    Returns
    -------
    callable
        ``steps taken -> lr * factor**(steps taken // every)``, at most 2**40.

    Examples
    --------
    >>> import npfuse as nf
    >>> schedule = nf.schedules.step(1.0, every=10, factor=0.5)
    >>> schedule(0), schedule(9), schedule(10), schedule(25)
    (1.0, 1.0, 0.5, 0.25)
    """
    return _schedule(_step, not_negative("lr", lr), integer("every", every, 1), not_negative("factor", factor))


def exponential(lr: float, factor: float) -> Schedule:
    """Multiply the learning rate by a factor after every step: PyTorch's ``ExponentialLR``.

    Parameters
    ----------
    lr : float
        The first learning rate, at least 0.
    factor : float
        At least 0.

    Returns
    -------
    callable
        ``steps taken -> lr * factor**steps``, at most 2**40.

    Examples
    --------
    >>> import npfuse as nf
    >>> nf.schedules.exponential(1.0, 0.5)(3)
    0.125
    """
    return _schedule(_step, not_negative("lr", lr), 1, not_negative("factor", factor))


def cosine(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """Let the learning rate fall along half a cosine: PyTorch's ``CosineAnnealingLR``, optax's ``cosine_decay``.

    Parameters
    ----------
    lr : float
        The first learning rate, at least 0.
    steps : int
        After how many steps it has reached `final`, where it stays; at least 1.
    final : float, default 0
        The last learning rate, at least 0.

    Returns
    -------
    callable
        ``steps taken -> final + (lr - final) * (1 + cos(pi * steps taken / steps)) / 2``.

    References
    ----------
    Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts.

    Examples
    --------
    >>> import npfuse as nf
    >>> schedule = nf.schedules.cosine(1.0, steps=100)
    >>> schedule(0), round(schedule(50), 6), schedule(100), schedule(1000)
    (1.0, 0.5, 0.0, 0.0)
    """
    return _schedule(_cosine, not_negative("lr", lr), not_negative("final", final), integer("steps", steps, 1))


def warm_up(lr: float | Schedule, steps: int, start: float = 0.0) -> Schedule:
    """Let the learning rate grow evenly, then follow another schedule from its beginning.

    Parameters
    ----------
    lr : float or callable
        A learning rate or the schedule that follows; what it begins with is reached after `steps` steps.
    steps : int
        At least 1.
    start : float, default 0
        The first learning rate, at least 0.

    Returns
    -------
    callable
        ``steps taken -> learning rate``.

    References
    ----------
    Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour.

    Examples
    --------
    >>> import npfuse as nf
    >>> schedule = nf.schedules.warm_up(nf.schedules.cosine(1.0, steps=90), steps=10)
    >>> schedule(0), schedule(5), schedule(10), schedule(100)
    (0.0, 0.5, 1.0, 0.0)
    """
    then = lr if callable(lr) else constant(lr)
    return _schedule(_warm_up, not_negative("start", start), integer("steps", steps, 1), then)


def one_cycle(
    lr: float, steps: int, rise: float = 0.3, start_divisor: float = 25.0, final_divisor: float = 1e4
) -> Schedule:
    """Let the learning rate rise and fall once, along half cosines: PyTorch's ``OneCycleLR``.

    Parameters
    ----------
    lr : float
        The largest learning rate, at least 0.
    steps : int
        How many there will be, at least 2.
    rise : float, default 0.3
        The part of them in which it rises, between 0 and 1. Where that is not a whole step, the largest learning rate
        is the first.
    start_divisor : float, default 25
        The first learning rate is `lr` over this.
    final_divisor : float, default 1e4
        The last learning rate is the first over this; it stays there.

    Returns
    -------
    callable
        ``steps taken -> learning rate``.

    References
    ----------
    Smith and Topin (2019), Super-convergence: very fast training of neural networks using large learning rates.

    Examples
    --------
    >>> import npfuse as nf
    >>> schedule = nf.schedules.one_cycle(1.0, steps=101)
    >>> schedule(0), round(schedule(29), 2), schedule(100) < 1e-5
    (0.04, 1.0, True)
    """
    peak, total = not_negative("lr", lr), integer("steps", steps, 2)
    if not 0 < finite("rise", rise) < 1:
        raise ValueError(f"rise must be between 0 and 1, got {shown(rise)}")
    divisors = positive("start_divisor", start_divisor), positive("final_divisor", final_divisor)
    start = not_negative("lr / start_divisor", peak / divisors[0])
    final = not_negative("lr / start_divisor / final_divisor", start / divisors[1])
    return _schedule(_one_cycle, peak, total, float(rise) * total - 1, start, final)


def _schedule(formula: Callable[..., float], *settings: object) -> Schedule:
    """Return the formula's learning rates with these settings; the caller's floating-point environment changes none."""
    return partial(_learning_rate, formula, *settings)


def _learning_rate(formula: Callable[..., float], *settings_and_taken: object) -> float:
    *settings, taken = settings_and_taken
    lr: float = _native.guarded(formula, *settings, integer("steps taken", taken, 0))
    return lr


def _constant(lr: float, taken: int) -> float:
    return lr


def _step(lr: float, every: int, factor: float, taken: int) -> float:
    try:
        power = math.pow(factor, taken // every)
    except OverflowError:
        power = math.inf
    return min(lr * power, LARGEST) if lr > 0 else 0.0


def _cosine(lr: float, final: float, steps: float, taken: float) -> float:
    done = 1.0 if taken >= steps else taken / steps
    part = (1.0 + math.cos(math.pi * done)) / 2.0
    return min(max(lr * part + final * (1.0 - part), min(lr, final)), max(lr, final))


def _warm_up(start: float, steps: int, then: Schedule, taken: int) -> float:
    if taken >= steps:
        return then(taken - steps)
    first = then(0)
    return min(max(start + (first - start) * (taken / steps), min(start, first)), max(start, first))


def _one_cycle(peak: float, steps: int, top: float, start: float, final: float, taken: int) -> float:
    if taken <= top:
        return _cosine(start, peak, top, taken)
    return _cosine(peak, final, steps - 1 - top, taken - top)
