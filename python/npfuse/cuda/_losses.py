"""Losses on a GPU: the value and the gradient in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from npfuse import losses as on_cpu
from npfuse._loss import Loss
from npfuse.cuda import _device, _storage
from npfuse.cuda._operands import Operand, is_number, number_of
from npfuse.cuda._row_losses import call_rows
from npfuse.cuda._settings import checked_flag, checked_number, checked_reduction, named
from npfuse.cuda._work import Work

Function = Callable[..., Any]


class Entry(NamedTuple):
    """What the compiled table says of an elementwise loss."""

    number: int
    operands: Sequence[tuple[str, float, int]]
    parameters: Sequence[tuple[str, float, int]]
    flags: Sequence[tuple[str, bool]]
    defaults: Mapping[str, Any]
    """Of everything that a call may be given by name."""


@lru_cache
def _entry(native: Any, name: str) -> Entry:
    number, operands, parameters, flags = native.losses[name]
    numbers = {key: default for key, default, _ in (*operands, *parameters)}
    common = {"weight": None, "reduction": "mean", "out": None, "stream": None}
    return Entry(number, operands, parameters, flags, {**numbers, **dict(flags), **common})


def _call(name: str, wants_value: bool, wants_gradient: bool, pred: Any, target: Any, given: Mapping[str, Any]) -> Any:
    entry = _entry(_device.native(), name)
    settings = named(name, entry.defaults, given)
    reduction = checked_reduction(settings["reduction"])
    variant = sum(checked_flag(key, settings[key]) << bit for bit, (key, _) in enumerate(entry.flags))

    with Work("pred", pred, settings["stream"]) as work:
        prediction = work.take("pred", pred)
        storage = prediction.storage
        parameters = [checked_number(key, settings[key], domain, storage) for key, _, domain in entry.parameters]
        domains = {key: domain for key, _, domain in entry.operands}
        extra = {"target": target, **{key: settings[key] for key, _, _ in entry.operands}}
        inputs: list[Operand | float] = [prediction]
        for key, value in extra.items():
            if not is_number(value):
                inputs.append(_fitting(work, key, value, prediction))
            else:
                is_parameter = key in domains
                inputs.append(
                    checked_number(key, value, domains[key], storage) if is_parameter else number_of(key, value)
                )
        weight = None if settings["weight"] is None else _fitting(work, "weight", settings["weight"], prediction)

        gradient = work.output("out", settings["out"], prediction.shape, storage) if wants_gradient else None
        values = work.allocated(prediction.shape, storage) if wants_value and reduction == "none" else None
        total = work.allocated((), "float64") if wants_value and reduction != "none" else None
        n = prediction.size
        divisor = float(n) if reduction == "mean" and n else 1.0
        work.native.run_loss(
            work.place,
            entry.number,
            _storage.NUMBERS[storage],
            work.given(inputs, prediction.shape),
            0 if weight is None else work.contiguous(weight, prediction.shape),
            values[1].pointer if values else 0,
            work.writing(gradient[1]) if gradient else 0,
            work.memory(8 * (n // work.native.loss_block_length + 1)),
            n,
            variant,
            parameters,
            1.0 / divisor,
            divisor,
            total[1].pointer if total else 0,
        )
    return _packed(values or total, gradient)


def _fitting(work: Work, name: str, value: Any, prediction: Operand) -> Operand:
    operand = work.take(name, value, prediction.storage)
    missing = len(prediction.shape) - len(operand.shape)
    fits = missing >= 0 and all(
        own in (1, length) for own, length in zip(operand.shape, prediction.shape[missing:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name} has shape {operand.shape}, which does not broadcast to that of pred, {prediction.shape}"
        )
    return operand


def _packed(value: tuple[Any, Operand] | None, gradient: tuple[Any, Operand] | None) -> Any:
    results = tuple(result[0] for result in (value, gradient) if result is not None)
    return results if len(results) == 2 else results[0]


def _call_rows(
    name: str, wants_value: bool, wants_gradient: bool, pred: Any, target: Any, given: Mapping[str, Any]
) -> Any:
    return _packed(*call_rows(name, pred, target, given, wants_value, wants_gradient))


def _functions(name: str) -> list[Function]:
    call = _call_rows if name in ROW_LOSSES else _call

    def value(pred: Any, target: Any, /, **settings: Any) -> Any:
        if "out" in settings:
            raise TypeError(f"{name}() has no argument 'out'; value_and_grad and grad have")
        return call(name, True, False, pred, target, settings)

    def value_and_grad(pred: Any, target: Any, /, **settings: Any) -> Any:
        return call(name, True, True, pred, target, settings)

    def grad(pred: Any, target: Any, /, **settings: Any) -> Any:
        return call(name, False, True, pred, target, settings)

    return [value, value_and_grad, grad]


ROW_LOSSES = ("softmax_cross_entropy", "nll_loss")

DOCUMENTATION = """`npfuse.{name}` on a GPU: the same arguments, the same bits.

Call it for the value, ``.value_and_grad`` for the value and the gradient in one pass, ``.grad`` for the gradient alone.
All arrays are of the dtype of the first and on its GPU. A value is an array of no dimension, float64, so that nothing
waits for it; ``stream`` is a CUDA stream of any library or its address, the current one of the first array's library if
left out. That numbers of an array are in a parameter's range is not checked.
"""


class LossOnDevice(Loss):
    """A loss for arrays on a GPU."""

    def __init__(self, name: str) -> None:
        super().__init__(name, DOCUMENTATION.format(name=name), *_functions(name))
        self.__module__ = "npfuse.cuda"

    def __repr__(self) -> str:
        """Return the name under which the loss is found."""
        return f"npfuse.cuda.{self.__name__}"


def losses() -> dict[str, LossOnDevice]:
    """Return every loss of the registry by its name."""
    return {name: LossOnDevice(name) for name in on_cpu.__all__}
