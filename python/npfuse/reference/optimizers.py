"""One step of each optimizer.

Each function takes a parameter p, its gradient g, its states (a dict, updated in place), the number of the step,
from 1, and the settings by name, and returns what is to be subtracted from p. `take_step` adds weight decay and
`maximize`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
State = dict[str, Array]
Step = Callable[..., Any]


def _moving_average(state: State, name: str, beta: float, x: Array) -> Any:
    average = state[name] = beta * state[name] + (1 - beta) * x
    return average


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
    """Return lr · g, or with momentum lr · b, where b = momentum · b + (1 − dampening) · g.

    Under `velocity` b holds the step itself, lr included. Nesterov's step is lr · (g + momentum · b).

    Robbins and Monro (1951), A stochastic approximation method; Sutskever et al. (2013), On the importance of
    initialization and momentum in deep learning.
    """
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
    """Return lr · m / (√v + eps), from the moving averages of g and g², each divided by 1 − beta^step.

    `amsgrad` takes the largest average of g² so far. `eps_placement` is "outside" the root, "inside" it, or "hat":
    outside the root of the average that is not yet divided.

    Kingma and Ba (2015), Adam: a method for stochastic optimization; Reddi, Kale and Kumar (2018), On the convergence
    of Adam and beyond.
    """
    beta1, beta2 = betas
    m = _moving_average(state, "exp_avg", beta1, g)
    v = _moving_average(state, "exp_avg_sq", beta2, g**2)
    if amsgrad:
        v = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step
    if eps_placement == "hat":
        return lr * math.sqrt(correction2) / correction1 * m / (np.sqrt(v) + eps)
    if eps_placement == "inside":
        return lr * (m / correction1) / np.sqrt(v / correction2 + eps)
    return lr * (m / correction1) / (np.sqrt(v / correction2) + eps)


def adamw(p: Array, g: Array, state: State, step: int, **settings: Any) -> Any:
    """Return Adam's step; weight decay is decoupled: it shrinks the parameter and is no part of the gradient.

    Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """
    return adam(p, g, state, step, **settings)


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
    """Return lr / (1 + (step − 1) · lr_decay) · g / (√s + eps), where s is the sum of all g².

    Duchi, Hazan and Singer (2011), Adaptive subgradient methods for online learning and stochastic optimization.
    """
    total = state["sum"] = state["sum"] + g**2
    rate = lr / (1 + (step - 1) * lr_decay)
    return rate * g / (np.sqrt(total + eps) if eps_placement == "inside" else np.sqrt(total) + eps)


def adadelta(p: Array, g: Array, state: State, step: int, *, lr: float, rho: float, eps: float, **common: Any) -> Any:
    """Return lr · d, d = √(u + eps) / √(v + eps) · g, where v and u are the moving averages of g² and of earlier d².

    Zeiler (2012), ADADELTA: an adaptive learning rate method.
    """
    square = _moving_average(state, "square_avg", rho, g**2)
    d = np.sqrt(state["acc_delta"] + eps) / np.sqrt(square + eps) * g
    _moving_average(state, "acc_delta", rho, d**2)
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
    """Return lr · q, q = g / (√v + eps), or with momentum lr · b, where b = momentum · b + q.

    v is the moving average of g², for `centered` less the square of that of g.

    Tieleman and Hinton (2012), Lecture 6.5, rmsprop: divide the gradient by a running average of its recent magnitude;
    Graves (2013), Generating sequences with recurrent neural networks.
    """
    v = _moving_average(state, "square_avg", alpha, g**2)
    if centered:
        mean = _moving_average(state, "grad_avg", alpha, g)
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
    """Return lr / (1 − beta1^step) · m / u, where u = max(beta2 · u, |g| + eps) and m is the moving average of g.

    Kingma and Ba (2015), Adam: a method for stochastic optimization, section 7.1.
    """
    beta1, beta2 = betas
    m = _moving_average(state, "exp_avg", beta1, g)
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
    """Return Adam's step with m = mu' · m / (1 − Π mu') + (1 − mu) · g / (1 − Π mu), where mu' is the next step's mu.

    mu = beta1 · (1 − 0.96^(step · momentum_decay) / 2) rises from step to step; Π is the product over all steps.

    Dozat (2016), Incorporating Nesterov momentum into Adam.
    """
    beta1, beta2 = betas
    mu = [beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(1, step + 2)]
    m = _moving_average(state, "exp_avg", beta1, g)
    v = _moving_average(state, "exp_avg_sq", beta2, g**2)
    ahead = mu[-1] / (1 - math.prod(mu)) * m + (1 - mu[-2]) / (1 - math.prod(mu[:-1])) * g
    return lr * ahead / (np.sqrt(v / (1 - beta2**step)) + eps)


def radam(
    p: Array, g: Array, state: State, step: int, *, lr: float, betas: tuple[float, float], eps: float, **common: Any
) -> Any:
    """Return Adam's step times the rectification of its variance, or lr · m as long as that variance is not defined.

    Liu et al. (2020), On the variance of the adaptive learning rate and beyond.
    """
    beta1, beta2 = betas
    m = _moving_average(state, "exp_avg", beta1, g)
    v = _moving_average(state, "exp_avg_sq", beta2, g**2)
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
    """Return Adam's step, where v = v − (1 − beta2) · sign(v − g²) · g².

    Zaheer et al. (2018), Adaptive methods for nonconvex optimization.
    """
    beta1, beta2 = betas
    m = _moving_average(state, "exp_avg", beta1, g)
    v = state["exp_avg_sq"]
    v = state["exp_avg_sq"] = v - (1 - beta2) * np.sign(v - g**2) * g**2
    return lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps)


def adabelief(
    p: Array, g: Array, state: State, step: int, *, lr: float, betas: tuple[float, float], eps: float, **common: Any
) -> Any:
    """Return Adam's step, where v is the moving average of (g − m)², plus eps.

    Zhuang et al. (2020), AdaBelief optimizer: adapting stepsizes by the belief in observed gradients.
    """
    beta1, beta2 = betas
    m = _moving_average(state, "exp_avg", beta1, g)
    s = state["exp_avg_var"] = beta2 * state["exp_avg_var"] + (1 - beta2) * (g - m) ** 2 + eps
    return lr * (m / (1 - beta1**step)) / (np.sqrt(s / (1 - beta2**step)) + eps)


def lion(p: Array, g: Array, state: State, step: int, *, lr: float, betas: tuple[float, float], **common: Any) -> Any:
    """Return lr · sign(beta1 · m + (1 − beta1) · g), where m = beta2 · m + (1 − beta2) · g.

    Chen et al. (2023), Symbolic discovery of optimization algorithms.
    """
    beta1, beta2 = betas
    direction = np.sign(beta1 * state["exp_avg"] + (1 - beta1) * g)
    _moving_average(state, "exp_avg", beta2, g)
    return lr * direction


def take_step(optimizer: Step, p: Array, g: Array, state: State, step: int, settings: dict[str, Any]) -> Any:
    """Return p after a step; weight decay is added to the gradient, or decoupled: lr · weight_decay · p is subtracted.

    Under `maximize` the gradient changes its sign.

    Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """
    decay, lr = settings.get("weight_decay", 0.0), settings["lr"]
    if settings.get("maximize"):
        g = -g
    if decay == 0:
        return p - optimizer(p, g, state, step, **settings)
    if settings.get("decoupled_weight_decay"):
        return p - lr * decay * p - optimizer(p, g, state, step, **settings)
    return p - optimizer(p, g + decay * p, state, step, **settings)


def global_norm(arrays: list[Array]) -> Any:
    """Return the square root of the sum of the squares of all elements of all arrays.

    Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural networks.
    """
    return np.sqrt(sum(np.vdot(array, array) for array in arrays))
