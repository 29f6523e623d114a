"""Losses of rows of class scores on a GPU."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from npfuse.cuda import _device, _storage
from npfuse.cuda._array import host_array
from npfuse.cuda._operands import Operand
from npfuse.cuda._settings import checked_index, checked_number, checked_reduction, named
from npfuse.cuda._work import Work, along, checked_axis, without

Result = tuple[Any, Operand]


class Entry(NamedTuple):
    """What the compiled table says of a loss of rows."""

    number: int
    prediction: str
    parameters: Sequence[tuple[str, float, int]]
    takes_probabilities: bool


def call_rows(
    name: str, pred: Any, target: Any, given: Mapping[str, Any], wants_value: bool, wants_gradient: bool
) -> tuple[Result | None, Result | None]:
    """Return the value and the gradient of a loss, whichever is wanted."""
    entry = Entry(*_device.native().row_losses[name])
    defaults = {key: default for key, default, _ in entry.parameters}
    common = {"axis": -1, "weight": None, "ignore_index": -100, "reduction": "mean", "out": None, "stream": None}
    settings = named(name, {**common, **defaults}, given)
    with Work(entry.prediction, pred, settings["stream"]) as work:
        return RowCall(work, entry, settings, pred, target).run(wants_value, wants_gradient)


class RowCall:
    """One call: its operands, checked."""

    def __init__(self, work: Work, entry: Entry, settings: Mapping[str, Any], pred: Any, target: Any) -> None:
        self.work, self.entry = work, entry
        self.reduction = checked_reduction(settings["reduction"])
        self.parameters = [checked_number(key, settings[key], domain, "float64") for key, _, domain in entry.parameters]
        self.ignore_index = checked_index("ignore_index", settings["ignore_index"])
        self.out = settings["out"]
        self.pred = work.take(entry.prediction, pred)
        if not self.pred.shape:
            raise ValueError(f"{entry.prediction} must have a dimension for the classes, got none")
        axis = checked_axis(settings["axis"], self.pred)
        self.along = along(self.pred.shape, axis)
        self.heads = without(self.pred.shape, axis)
        self.class_weights = 0 if settings["weight"] is None else self._weights(settings["weight"])
        self.target = work.take_any("target", target)
        self.has_labels = self.target.storage in _storage.INTEGERS
        self._check_target()

    def _weights(self, weight: Any) -> int:
        """Return where the class weights are, in double."""
        if isinstance(weight, (list, tuple, np.ndarray)):
            numbers = host_array("weight", weight)
        else:
            numbers = self.work.numbers(self.work.take("weight", weight))
        classes = self.along[1]
        if numbers.shape != (classes,):
            raise ValueError(f"weight must be of shape ({classes},), one number for each class, got {numbers.shape}")
        if numbers.dtype.kind not in "fiu" and numbers.dtype.name != "bfloat16":
            raise TypeError(f"weight must be of real numbers, got {numbers.dtype}")
        doubles = numbers.astype(np.float64)
        for i in np.flatnonzero(doubles < 0)[:1]:
            raise ValueError(f"weight[{i}] is {doubles[i]}; class weights must be at least 0")
        address = self.work.memory(doubles.nbytes)
        if doubles.size:
            self.work.native.copy_in(self.work.place, address, doubles.view(np.uint8))
        return address

    def _check_target(self) -> None:
        shape, storage = self.target.shape, self.target.storage
        if self.has_labels:
            if storage not in ("int32", "int64"):
                raise TypeError(f"target must be of int32 or int64, got {storage}")
            if shape != self.heads:
                raise ValueError(f"target has shape {shape}; labels must have {self.heads}")
            return
        if not self.entry.takes_probabilities or shape != self.pred.shape:
            probabilities = f", probabilities must have the shape {self.pred.shape}"
            raise TypeError(
                f"target has dtype {storage} and shape {shape}; labels must be integers"
                + (probabilities if self.entry.takes_probabilities else "")
            )
        if storage != self.pred.storage:
            raise TypeError(f"target is of {storage}, but {self.entry.prediction} is of {self.pred.storage}")

    def run(self, wants_value: bool, wants_gradient: bool) -> tuple[Result | None, Result | None]:
        """Return the value and the gradient, whichever is wanted."""
        work, rows = self.work, self.along[0]
        gradient = work.output("out", self.out, self.pred.shape, self.pred.storage) if wants_gradient else None
        target = work.contiguous(self.target)
        call = work.native.RowLossCall(
            work.contiguous(self.pred),
            0 if self.has_labels else target,
            target if self.has_labels else 0,
            self.target.storage == "int64",
            self.ignore_index,
            self.class_weights,
            self.along,
        )
        weighed = self.has_labels or (self.class_weights and self.reduction == "mean")  # which checks labels, too
        divisor = self._total_weight(call) if weighed else float(rows)
        divisor = divisor if self.reduction == "mean" else 1.0

        is_spread_out = wants_value and self.reduction == "none"
        values = work.allocated(self.heads, self.pred.storage) if is_spread_out else None
        total = work.allocated((), "float64") if wants_value and not is_spread_out else None
        work.native.run_row_loss(
            work.place,
            self.entry.number,
            _storage.NUMBERS[self.pred.storage],
            call,
            self.parameters,
            1.0 / divisor if divisor else 0.0,
            work.writing(gradient[1]) if gradient else 0,
            values[1].pointer if values else 0,
            work.memory(8 * (rows + rows // 16 + 1)),
            divisor or 1.0,
            total[1].pointer if total else 0,
        )
        return values or total, gradient

    def _total_weight(self, call: Any) -> float:
        """Return the sum of what rows count for, once it is there; a label that is no class is an error."""
        rows = math.prod(self.heads)
        total: float = self.work.native.total_weight(
            self.work.place, call, _storage.NUMBERS[self.pred.storage], self.work.memory(8 * (2 * rows + 2))
        )
        if self.has_labels and total != total:
            labels, classes = self.work.numbers(self.target), self.along[1]
            wrong = (labels != self.ignore_index) & ((labels < 0) | (labels >= classes))
            for position in np.argwhere(wrong)[:1]:
                raise ValueError(
                    f"target[{', '.join(map(str, position))}] is {labels[tuple(position)]}; labels must be from 0 to "
                    f"{classes - 1}, or ignore_index ({self.ignore_index})"
                )
        return total
