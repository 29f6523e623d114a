"""One step of each optimizer as a NumPy user writes it: what the benchmark times and the tests compare with in float64.

Each function takes a parameter, its gradient and its states (a dict, brought up to date in place), the number of the
step (the first is 1) and the settings by name, and returns the step to subtract from the parameter.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
State = dict[str, Array]
Step = Callable[..., Any]


def sgd(
    p: Array,
    g: Array,
    state: State,
    step: int,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    velocity: bool = False,
    **common: Any,
) -> Any:
    """Follow the gradient, or its running sum."""
    if momentum == 0:
        return lr * g
    into_buffer, from_buffer = (lr, 1) if velocity else (1, lr)
    gain = 1 if step == 1 else 1 - dampening
    buffer = state["momentum_buffer"] = momentum * state["momentum_buffer"] + into_buffer * gain * g
    if nesterov:
        return lr * g + from_buffer * momentum * buffer
    return from_buffer * buffer


def adam(
    p: Array,
    g: Array,
    state: State,
    step: int,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    amsgrad: bool = False,
    eps_placement: str = "outside",
    **common: Any,
) -> Any:
    """Divide the running mean by the root of the running square."""
    beta1, beta2 = betas
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g**2
    if amsgrad:
        v = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step
    if eps_placement == "hat":
        return lr * math.sqrt(correction2) / correction1 * m / (np.sqrt(v) + eps)
    if eps_placement == "inside":
        return lr * (m / correction1) / np.sqrt(v / correction2 + eps)
    return lr * (m / correction1) / (np.sqrt(v / correction2) + eps)


def adagrad(
    p: Array,
    g: Array,
    state: State,
    step: int,
    *,
    lr: float,
    lr_decay: float,
    eps: float,
    eps_placement: str = "outside",
    **common: Any,
) -> Any:
    """Divide by the root of the sum of all squares."""
    total = state["sum"] = state["sum"] + g**2
    rate = lr / (1 + (step - 1) * lr_decay)
    return rate * g / (np.sqrt(total + eps) if eps_placement == "inside" else np.sqrt(total) + eps)


def adadelta(p: Array, g: Array, state: State, step: int, *, lr: float, rho: float, eps: float, **common: Any) -> Any:
    """Divide by the running square, and give back the unit of the parameter."""
    square = state["square_avg"] = rho * state["square_avg"] + (1 - rho) * g**2
    d = np.sqrt(state["acc_delta"] + eps) / np.sqrt(square + eps) * g
    state["acc_delta"] = rho * state["acc_delta"] + (1 - rho) * d**2
    return lr * d


def rmsprop(
    p: Array,
    g: Array,
    state: State,
    step: int,
    *,
    lr: float,
    alpha: float,
    eps: float,
    momentum: float = 0.0,
    centered: bool = False,
    eps_placement: str = "outside",
    velocity: bool = False,
    **common: Any,
) -> Any:
    """Divide by the root of the running square, or of the running variance."""
    v = state["square_avg"] = alpha * state["square_avg"] + (1 - alpha) * g**2
    if centered:
        mean = state["grad_avg"] = alpha * state["grad_avg"] + (1 - alpha) * g
        v = np.maximum(v - mean**2, 0)
    quotient = g / (np.sqrt(v + eps) if eps_placement == "inside" else np.sqrt(v) + eps)
    if momentum == 0:
        return lr * quotient
    into_buffer, from_buffer = (lr, 1) if velocity else (1, lr)
    buffer = state["momentum_buffer"] = momentum * state["momentum_buffer"] + into_buffer * quotient
    return from_buffer * buffer


def adamax(
    p: Array,
    g: Array,
    state: State,
    step: int,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    eps_placement: str = "inside",
    **common: Any,
) -> Any:
    """Divide the running mean by the largest gradient, which fades."""
    beta1, beta2 = betas
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    inside, outside = (eps, 0.0) if eps_placement == "inside" else (0.0, eps)
    largest = state["exp_inf"] = np.maximum(beta2 * state["exp_inf"], np.abs(g) + inside)
    return lr / (1 - beta1**step) * m / (largest + outside)


def nadam(
    p: Array,
    g: Array,
    state: State,
    step: int,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    momentum_decay: float,
    **common: Any,
) -> Any:
    """Take Adam's step with Nesterov's look ahead."""
    beta1, beta2 = betas
    mu = [beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(1, step + 2)]
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g**2
    ahead = mu[-1] / (1 - math.prod(mu)) * m + (1 - mu[-2]) / (1 - math.prod(mu[:-1])) * g
    return lr * ahead / (np.sqrt(v / (1 - beta2**step)) + eps)


def radam(
    p: Array, g: Array, state: State, step: int, *, lr: float, betas: tuple[float, float], eps: float, **common: Any
) -> Any:
    """Take Adam's step once its divisor can be relied on."""
    beta1, beta2 = betas
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g**2
    m = m / (1 - beta1**step)
    rho = 2 / (1 - beta2) - 1
    r = rho - 2 * step * beta2**step / (1 - beta2**step)
    if r <= 5:
        return lr * m
    rectification = math.sqrt((r - 4) * (r - 2) * rho / ((rho - 4) * (rho - 2) * r))
    return lr * m * rectification * math.sqrt(1 - beta2**step) / (np.sqrt(v) + eps)


def yogi(
    p: Array, g: Array, state: State, step: int, *, lr: float, betas: tuple[float, float], eps: float, **common: Any
) -> Any:
    """Take Adam's step with a running square that moves by steps of one size."""
    beta1, beta2 = betas
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = state["exp_avg_sq"]
    v = state["exp_avg_sq"] = v - (1 - beta2) * np.sign(v - g**2) * g**2
    return lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps)


def adabelief(
    p: Array, g: Array, state: State, step: int, *, lr: float, betas: tuple[float, float], eps: float, **common: Any
) -> Any:
    """Divide the running mean by how far gradients are from it."""
    beta1, beta2 = betas
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    s = state["exp_avg_var"] = beta2 * state["exp_avg_var"] + (1 - beta2) * (g - m) ** 2 + eps
    return lr * (m / (1 - beta1**step)) / (np.sqrt(s / (1 - beta2**step)) + eps)


def lion(p: Array, g: Array, state: State, step: int, *, lr: float, betas: tuple[float, float], **common: Any) -> Any:
    """Follow the sign of the running mean."""
    beta1, beta2 = betas
    direction = np.sign(beta1 * state["exp_avg"] + (1 - beta1) * g)
    state["exp_avg"] = beta2 * state["exp_avg"] + (1 - beta2) * g
    return lr * direction


def take_step(optimizer: Step, p: Array, g: Array, state: State, step: int, settings: dict[str, Any]) -> Any:
    """Return the parameter after a step, with weight decay and the gradient's sign; brings the states up to date."""
    decay, lr = settings.get("weight_decay", 0.0), settings["lr"]
    if settings.get("maximize"):
        g = -g
    if decay == 0:
        return p - optimizer(p, g, state, step, **settings)
    if settings.get("decoupled_weight_decay"):
        return p - lr * decay * p - optimizer(p, g, state, step, **settings)
    return p - optimizer(p, g + decay * p, state, step, **settings)
