"""One step of each optimizer, as the textbook writes it, in float64.

Each function takes a parameter, its gradient and its states (a dict, brought up to date in place), the number of the
step (the first is 1) and the settings by name, and returns the step to subtract from the parameter.
"""

import numpy as np


def sgd(p, g, state, step, *, lr, momentum=0.0, dampening=0.0, nesterov=False, velocity=False, **common):
    if momentum == 0:
        return lr * g
    into_buffer, from_buffer = (lr, 1) if velocity else (1, lr)
    gain = 1 if step == 1 else 1 - dampening
    buffer = state["momentum_buffer"] = momentum * state["momentum_buffer"] + into_buffer * gain * g
    if nesterov:
        return lr * g + from_buffer * momentum * buffer
    return from_buffer * buffer


def adam(p, g, state, step, *, lr, betas, eps, amsgrad=False, eps_placement="outside", **common):
    beta1, beta2 = betas
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g**2
    if amsgrad:
        v = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], v)
    correction1, correction2 = 1 - beta1**step, 1 - beta2**step
    if eps_placement == "hat":
        return lr * np.sqrt(correction2) / correction1 * m / (np.sqrt(v) + eps)
    if eps_placement == "inside":
        return lr * (m / correction1) / np.sqrt(v / correction2 + eps)
    return lr * (m / correction1) / (np.sqrt(v / correction2) + eps)


def take_step(optimizer, p, g, state, step, settings):
    """Return the parameter after a step, with weight decay and the gradient's sign; brings the states up to date."""
    decay, lr = settings.get("weight_decay", 0.0), settings["lr"]
    if settings.get("maximize"):
        g = -g
    if settings.get("decoupled_weight_decay"):
        return p - lr * decay * p - optimizer(p, g, state, step, **settings)
    return p - optimizer(p, g + decay * p, state, step, **settings)
