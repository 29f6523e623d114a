"""Losses: values, gradients and both, with weights, reductions, classes along any axis, labels and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

import npfuse as nf
from fuzz.bounds import Expected, rounding, unit
from fuzz.cases import Arguments, Case, Operation
from fuzz.choices import Choices
from fuzz.memory import Memory, narrower, shape
from fuzz.values import FLOATS, INTEGERS, computing, reals
from npfuse import reference
from table import LOSSES, Loss

METHODS = ["", ".value_and_grad", ".grad"]
REDUCTIONS = ["mean", "sum", "none"]
UNIT = 2.0**-24


def method_of(loss: Any, method: str) -> Callable[..., Any]:
    return getattr(loss, method[1:]) if method else loss.__call__


def split(results: list[np.ndarray], method: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the value and the gradient, where there are any."""
    return (None if method == ".grad" else results[0]), (results[-1] if method else None)


def sampled(choices: Choices, sampler: Any, size: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    count = int(np.prod(size))
    with np.errstate(over="ignore"):
        return sampler(choices.numbers(), count).astype(dtype).reshape(size)


# Where a value or a derivative is a difference, its rounding error is relative to the size of what is subtracted.


def poisson_size(pred: Any, target: Any, eps: float = 1e-8, log_input: bool = True) -> Any:
    if log_input:
        return np.exp(pred) + np.abs(target * pred)
    return np.abs(pred) + np.abs(target * np.log(pred + eps))


def gaussian_size(pred: Any, target: Any, var: Any = 1.0, eps: float = 1e-6) -> Any:
    var = np.maximum(var, eps)
    return (np.abs(np.log(var)) + (pred - target) ** 2 / var) / 2


def kl_div_size(pred: Any, target: Any, log_target: bool = False) -> Any:
    if log_target:
        return np.exp(target) * (np.abs(target) + np.abs(pred))
    return target * (np.abs(np.log(np.where(target > 0, target, 1))) + np.abs(pred))


def binary_slope_size(pred: Any, target: Any) -> Any:
    certain = (target == 0) | (target == 1)
    with np.errstate(all="ignore"):
        slope = reference.binary_cross_entropy.grad(pred, target, reduction="none")
    return np.where(certain, np.abs(slope), (pred + target) / np.maximum(pred * (1 - pred), 1e-12))


def logits_slope_size(pred: Any, target: Any, pos_weight: Any = 1.0, label_smoothing: float = 0.0) -> Any:
    target = target * (1 - label_smoothing) + label_smoothing / 2
    return (1 - target) * reference.sigmoid(pred) + pos_weight * target * reference.sigmoid(-pred)


def focal_slope_size(pred: Any, target: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    """Add the sizes of what the derivative of weight * missing**gamma * entropy consists of."""
    p, complement = reference.sigmoid(pred), reference.sigmoid(-pred)
    weight = alpha * target + (1 - alpha) * (1 - target) if alpha >= 0 else 1.0
    missing = target * complement + (1 - target) * p
    entropy = reference.sigmoid_cross_entropy(pred, target, reduction="none")
    change = gamma * missing ** (gamma - 1) * np.abs(1 - 2 * target) * p * complement * entropy
    return weight * (missing**gamma * ((1 - target) * p + target * complement) + change)


def poisson_slope_size(pred: Any, target: Any, eps: float = 1e-8, log_input: bool = True) -> Any:
    return np.exp(pred) + target if log_input else 1 + target / (pred + eps)


VALUE_SIZES = {"poisson_nll_loss": poisson_size, "gaussian_nll_loss": gaussian_size, "kl_div": kl_div_size}
SLOPE_SIZES = {
    "binary_cross_entropy": binary_slope_size,
    "sigmoid_cross_entropy": logits_slope_size,
    "sigmoid_focal_loss": focal_slope_size,
    "poisson_nll_loss": poisson_slope_size,
}


def draw_loss(row: Loss, method: str, choices: Choices) -> Case:
    memory, dtype = Memory(), choices.among(FLOATS)
    size = shape(choices)
    arguments: Arguments = {}
    special = choices.rarely(12)
    pred = sampled(choices, row.predictions, size, dtype)
    if special and size:
        pred = np.where(choices.numbers().random(size) < 0.05, np.array(np.nan, dtype), pred)
    target = sampled(choices, row.targets, narrower(choices, size), choices.among([dtype, dtype, *FLOATS[:2]]))
    arguments["pred"] = memory.place(pred, choices, shared=True)
    arguments["target"] = memory.place(target, choices, shared=True)
    for name, sampler in row.operands.items():
        if choices.below(3):
            arguments[name] = memory.place(
                sampled(choices, sampler, narrower(choices, size), dtype), choices, shared=True
            )
    arguments |= choices.among(row.parameters)
    if choices.rarely(3):
        weight = choices.numbers().exponential(size=narrower(choices, size)).astype(dtype)
        arguments["weight"] = memory.place(weight, choices, shared=True)
    if choices.below(4):
        arguments["reduction"] = choices.among(REDUCTIONS)
    add_out(choices, memory, arguments, method, "pred")
    roles = dict.fromkeys(("pred", "target", "weight", *row.operands), "array")
    roles |= {"reduction": "choice", "out": "out"} | dict.fromkeys(row.parameters[0], "parameter")
    name = f"{row.name}{method}"
    check = partial(loss_truth, row, method)
    return Case(name, method_of(getattr(nf, row.name), method), memory, arguments, check, roles=roles)


def add_out(choices: Choices, memory: Memory, arguments: Arguments, method: str, pred: str) -> None:
    if not method or not choices.rarely(3):
        return
    like = arguments[pred]
    fitting = [
        value
        for value in arguments.values()
        if isinstance(value, np.ndarray)
        and value.shape == like.shape
        and value.dtype == like.dtype
        and value.flags.aligned
        and value.dtype.isnative
        and (0 not in value.strides or value.size < 2)
    ]
    if fitting and choices.below(2):
        out = choices.among(fitting)
        arguments["out"] = choices.among([out, out[::-1] if out.ndim else out])
    else:
        arguments["out"] = memory.place(np.full(like.shape, 7, like.dtype.newbyteorder("=")), choices, native=True)


def loss_truth(row: Loss, method: str, results: list[np.ndarray], arguments: Arguments) -> Iterable[Expected]:
    pred = arguments["pred"]
    dtype, wide = pred.dtype, computing(pred.dtype)
    reduction = arguments.get("reduction", "mean")
    operands = [arguments["pred"], arguments["target"]]
    more = {name: arguments[name] for name in row.operands if name in arguments}
    # Everything is computed in the type that the prediction is computed in.
    operands = [value.astype(wide).astype(np.longdouble) for value in operands]
    more = {name: value.astype(wide).astype(np.longdouble) for name, value in more.items()}
    options = {name: arguments[name] for name in row.parameters[0]}
    weight = arguments.get("weight", np.ones((), wide)).astype(wide).astype(np.longdouble)
    usable = np.ones((), bool)
    for value in (*operands, *more.values(), weight):
        usable = usable & np.isfinite(value)
    value, gradient = split(results, method)
    with np.errstate(all="ignore"):
        exact, slope = getattr(reference, row.name).value_and_grad(*operands, **more, **options, reduction="none")
    if value is not None:
        size = VALUE_SIZES.get(row.name, lambda *_, **__: exact)(*operands, **more, **options)
        spread = weight * row.value_ulp * unit(np.maximum(np.abs(exact), np.abs(size)), wide)
        if reduction == "none":
            yield expected(value, exact * weight, rounding(exact * weight, dtype, 1) + spread, usable)
        elif usable.all():
            # A sum is of float32 terms in double.
            divisor = pred.size if reduction == "mean" else 1
            terms = np.broadcast_to(exact * weight, pred.shape)
            total = terms.sum() / max(divisor, 1)
            allowed = np.broadcast_to(spread, pred.shape).sum() + np.abs(terms).sum() * (1e-14 + 2 * unit(1, wide))
            yield Expected(value, total, float(allowed) / max(divisor, 1))
    if gradient is not None:
        size = SLOPE_SIZES.get(row.name, lambda *_, **__: slope)(*operands, **more, **options)
        scale = weight / (pred.size if reduction == "mean" and pred.size else 1)
        spread = scale * row.slope_ulp * unit(np.maximum(np.abs(slope), np.abs(size)), wide)
        yield expected(gradient, slope * scale, rounding(slope * scale, dtype, 2) + spread, usable)


def expected(result: np.ndarray, exact: np.ndarray, allowed: np.ndarray, usable: np.ndarray) -> Expected:
    known = np.broadcast_to(usable & np.isfinite(exact), result.shape)
    return Expected(result, np.where(known, exact, result.astype(np.float64)), np.where(known, allowed, 0))


# ------------------------------------------------------------------------------------------- along an axis

LABELS = [dtype for dtype in INTEGERS if dtype.itemsize > 1 or dtype.kind == "b"]


def draw_row_loss(name: str, method: str, choices: Choices) -> Case:
    memory, dtype = Memory(), choices.among(FLOATS)
    size = shape(choices, 1)
    axis = choices.below(len(size))
    classes, rows = size[axis], tuple(np.delete(size, axis))
    pred_name = "logits" if name == "softmax_cross_entropy" else "log_probs"
    kinds = ["ordinary", "whole", "large"]
    logits = reals(choices, size, dtype, kinds)
    if name == "nll_loss":
        logits = -np.abs(logits)
    arguments: Arguments = {pred_name: memory.place(logits, choices, shared=True)}
    random, ignored = choices.numbers(), choices.among([-100, 0, 1, -1])
    if name == "softmax_cross_entropy" and choices.below(2):
        target = random.exponential(size=size)
        total = target.sum(axis, keepdims=True)
        target = np.divide(target, total, out=target, where=total > 0)
        arguments["target"] = memory.place(target.astype(choices.among([dtype, np.float32])), choices, shared=True)
    else:
        label_dtype = choices.among(INTEGERS[2:])
        labels = random.integers(0, min(classes, 250), rows) if classes else np.full(rows, ignored)
        if (label_dtype.kind == "i" and label_dtype.itemsize > 1) or ignored >= 0:
            labels = np.where(random.random(rows) < (0.1 if classes else 2), ignored, labels)
        if classes == 0 and label_dtype.kind == "u" and ignored < 0:
            label_dtype = np.dtype(np.int64)
        arguments["target"] = memory.place(labels.astype(label_dtype), choices, shared=True)
        if ignored != -100:
            arguments["ignore_index"] = ignored
    arguments["axis"] = axis - choices.below(2) * len(size)
    if choices.rarely(3):
        weight = random.exponential(size=classes).astype(choices.among([np.float32, np.float64, dtype]))
        arguments["weight"] = memory.place(weight, choices, shared=True)
    if name == "softmax_cross_entropy":
        if choices.rarely(3):
            arguments["label_smoothing"] = choices.among([0.1, 0.25, 1.0])
        if choices.rarely(4):
            arguments["z_loss"] = choices.among([1e-3, 0.1])
    if choices.below(4):
        arguments["reduction"] = choices.among(REDUCTIONS)
    add_out(choices, memory, arguments, method, pred_name)
    roles = {
        pred_name: "array", "target": "labels", "weight": "array", "axis": "axis", "reduction": "choice", "out": "out",
        "ignore_index": "integer", "label_smoothing": "parameter", "z_loss": "parameter",
    }  # fmt: skip
    check = partial(row_loss_truth, name, pred_name, method)
    return Case(name + method, method_of(getattr(nf, name), method), memory, arguments, check, roles=roles)


def row_loss_truth(
    name: str, pred_name: str, method: str, results: list[np.ndarray], arguments: Arguments
) -> Iterable[Expected]:
    arguments = {name: value for name, value in arguments.items() if name != "out"}
    logits, target = arguments.pop(pred_name), arguments.pop("target")
    dtype, wide = logits.dtype, computing(logits.dtype)
    if logits.shape[arguments["axis"]] == 0:
        for result in results:
            yield Expected(result, np.zeros(result.shape), 0.0)
        return
    has_labels = target.dtype.kind in "iu"
    target = target.astype(np.int64 if has_labels else wide)
    value, gradient = split(results, method)
    with np.errstate(all="ignore"):
        # Rounded to the computing type, then exact in long double.
        exact, slopes = getattr(reference, name).value_and_grad(
            logits.astype(wide).astype(np.longdouble), target, **arguments
        )
    eps = float(np.finfo(wide).eps)
    plain = has_labels and not {"label_smoothing", "z_loss", "weight"} & arguments.keys()
    if value is not None:
        single = arguments.get("reduction", "mean") == "none"
        size, ulp = np.abs(exact), 2 if single else 4
        yield expected(value, exact, rounding(size, dtype if single else wide, ulp) + ulp * eps * size, np.True_)
    if gradient is not None:
        size = np.abs(slopes)
        allowed = rounding(slopes, dtype, 2)
        if not plain:
            allowed = allowed + 4 * eps * size.max(initial=0)
        yield expected(gradient, slopes, allowed, np.True_)


OPERATIONS = [
    *(Operation(f"{row.name}{method}", partial(draw_loss, row, method)) for row in LOSSES for method in METHODS),
    *(
        Operation(f"{name}{method}", partial(draw_row_loss, name, method))
        for name in ("softmax_cross_entropy", "nll_loss")
        for method in METHODS
    ),
]
