"""An optimizer's step on a GPU: all arrays in one launch for each group of settings and computing type."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npfuse import _native
from npfuse.cuda import _device, _storage
from npfuse.cuda._norm import norm_of
from npfuse.cuda._operands import Operand, device_of, operand_of
from npfuse.cuda._tables import UPDATE, dealt_out, uploaded
from npfuse.cuda._work import Work


class Slot(NamedTuple):
    """A parameter and what belongs to it."""

    parameter: Operand
    states: tuple[Operand, ...]
    master: Operand | None
    settings: int

    @property
    def updated(self) -> Operand:
        """What the step is taken on."""
        return self.parameter if self.master is None else self.master


def check_updated(operand: Operand) -> None:
    """Refuse what cannot be updated where it is."""
    if not operand.is_contiguous:
        raise ValueError(f"{operand.name} must be contiguous, in C order")
    if not operand.writeable:
        raise ValueError(f"{operand.name} is read-only")


def check_state(state: Operand, parameter: Operand) -> None:
    """Refuse a state that does not fit its parameter."""
    storage = "float64" if parameter.storage == "float64" else "float32"
    if state.storage != storage:
        raise TypeError(f"{state.name} must be {storage}, got {state.storage}")
    if state.shape != parameter.shape:
        raise ValueError(f"{state.name} must be of its parameter's shape {parameter.shape}, got {state.shape}")
    check_updated(state)


class Updater:
    """What `npfuse._native.Updater` is on the CPU."""

    def __init__(self, kernel: str, states: int, seed: int | None, *, single: bool = False) -> None:
        """Of one parameter only, and with states that are the caller's, if `single`."""
        self._native = _device.native()
        self._number = self._native.optimizers[kernel]
        self._state_count = states
        self._seed = seed
        self._single = single
        self._state_names = _native.optimizers[kernel]["states"]
        self._slots: list[Slot] = []
        self._owned: list[tuple[int, int, str]] = []  # extents, sorted
        self._tables: dict[Any, tuple[NDArray[Any], Any]] = {}
        self.stream: Any = None

    def _name(self, what: str, i: int) -> str:
        return what if self._single else f"{what}s[{i}]"

    def add(self, parameters: Sequence[Any], states: Sequence[Sequence[Any]], settings: int) -> None:
        """Take over parameters, which are contiguous, and their states."""
        slots: list[Slot] = []
        owned = list(self._owned)
        for parameter, own in zip(parameters, states, strict=True):
            name = self._name("param", len(self._slots) + len(slots))
            place = self._native.Place(device_of(name, parameter), 0)
            operand = operand_of(name, parameter, place)
            if operand.storage not in _storage.FLOATS:
                raise TypeError(f"{name} must be of {', '.join(_storage.FLOATS)}, got {operand.storage}")
            check_updated(operand)
            names = self._state_names if self._single else [f"a state of {name}"] * len(own)
            taken = tuple(operand_of(word, state, place) for word, state in zip(names, own, strict=True))
            master = taken[self._state_count] if len(taken) > self._state_count else None
            if operand.size:
                self._claim(operand, owned)
            for state in taken if self._single else ():
                check_state(state, operand)
                self._claim(state, owned)
            slots.append(Slot(operand, taken[: self._state_count], master, settings))
        self._owned = owned
        self._slots += slots

    @staticmethod
    def _claim(operand: Operand, owned: list[tuple[int, int, str]]) -> None:
        extent = (*operand.extent, operand.name)
        at = bisect.bisect(owned, extent)
        for low, high, name in owned[max(at - 1, 0) : at + 1]:
            if low < extent[1] and extent[0] < high:
                raise ValueError(f"{operand.name} shares memory with {name}")
        owned.insert(at, extent)

    def group_of(self, index: int) -> int:
        """Return which settings a parameter is updated with."""
        return self._slots[index].settings

    def _check_apart(self, gradient: Operand) -> None:
        low, high = gradient.extent
        at = bisect.bisect(self._owned, (low, high, ""))
        for other_low, other_high, name in self._owned[max(at - 1, 0) : at + 1]:
            if gradient.size and other_low < high and low < other_high:
                raise ValueError(f"{gradient.name} shares memory with {name}")

    def step(
        self, grads: Any, settings: Sequence[tuple[float, ...]], factor: float, guarded: bool, largest: float
    ) -> bool:
        """Update every parameter; return False where that is guarded and a gradient is not finite."""
        if not isinstance(grads, (list, tuple)):
            raise TypeError(f"grads must be a list or tuple of arrays, got {type(grads).__name__}")
        if len(grads) != len(self._slots):
            raise ValueError(
                f"grads must hold one array for each of the {len(self._slots)} parameters, got {len(grads)}"
            )
        if not grads:
            return True
        work = Work(self._name("grad", 0), grads[0], self.stream)
        gradients = []
        for i, (slot, grad) in enumerate(zip(self._slots, grads, strict=True)):
            gradient = work.take(self._name("grad", i), grad)
            if gradient.shape != slot.parameter.shape:
                raise ValueError(
                    f"{gradient.name} must be of its parameter's shape {slot.parameter.shape}, got {gradient.shape}"
                )
            self._check_apart(gradient)
            gradients.append(gradient)
        addresses = [work.contiguous(gradient) for gradient in gradients]
        if guarded or math.isfinite(largest):
            norm = norm_of(work, list(zip(gradients, addresses, strict=True))) * abs(factor)
            if not math.isfinite(norm):
                return False
            if norm > largest:
                factor *= largest / norm
        records = np.zeros(len(self._slots), UPDATE)
        for i, (gradient, address) in enumerate(zip(gradients, addresses, strict=True)):
            records[i] = self._record(i, gradient.storage, address)
        self._launch(work, records, [slot.settings for slot in self._slots], settings, factor)
        return True

    def step_rows(
        self,
        index: int,
        rows: NDArray[np.int64],
        ends: NDArray[np.int64],
        order: NDArray[np.int64],
        grads: Any,
        settings: tuple[float, ...],
        factor: float,
        guarded: bool,
    ) -> bool:
        """Update some rows of a parameter, each with the sum of its gradients order[ends[i - 1]:ends[i]]."""
        slot = self._slots[index]
        work = Work("grads", grads, self.stream)
        gradient = work.take("grads", grads)
        needed = (len(order), *slot.parameter.shape[1:])
        if gradient.shape != needed:
            raise ValueError(f"grads must be of shape {needed}, got {gradient.shape}")
        self._check_apart(gradient)
        address = work.contiguous(gradient)
        if guarded and not math.isfinite(norm_of(work, [(gradient, address)])):
            return False
        length = math.prod(slot.parameter.shape[1:])
        if not len(rows) or not length:
            return True
        computing = "float64" if slot.updated.storage == "float64" else "float32"
        item = _storage.itemsize(computing)
        sums = work.memory(len(rows) * length * item)
        named = [uploaded(self._native, work.place, table.astype(np.int64)) for table in (ends, order)]
        self._native.sum_rows(
            work.place,
            address,
            _storage.FLOATS.index(gradient.storage),
            computing == "float64",
            *(table.pointer for table in named),
            len(rows),
            length,
            sums,
        )
        records = np.zeros(len(rows), UPDATE)
        records[:] = self._record(index, computing, sums)
        records["size"], records["first"] = length, rows * length
        records["gradient"] += (np.arange(len(rows)) * (length * item)).astype(np.uint64)
        for field, operand in self._pointers(slot):
            size = _storage.itemsize(operand.storage)
            records[field] += (rows * (length * size)).astype(np.uint64)
        for k, state in enumerate(slot.states):
            records["states"][:, k] += (rows * (length * _storage.itemsize(state.storage))).astype(np.uint64)
        records["aligned"] = 0
        self._launch(work, records, [0] * len(rows), [settings], factor)
        return True

    @staticmethod
    def _pointers(slot: Slot) -> list[tuple[str, Operand]]:
        pointers = [("parameter", slot.updated)]
        return pointers if slot.master is None else [*pointers, ("copy", slot.parameter)]

    def _record(self, i: int, gradient_storage: str, address: int) -> tuple[Any, ...]:
        slot = self._slots[i]
        states = [state.pointer for state in slot.states]
        copy = 0 if slot.master is None else slot.parameter.pointer
        pointers = [slot.updated.pointer, address, *states, copy]
        return (
            slot.updated.pointer,
            address,
            states + [0] * (3 - len(states)),
            copy,
            slot.parameter.size,
            0,
            0,
            i,
            _storage.FLOATS.index(slot.updated.storage),
            _storage.FLOATS.index(gradient_storage),
            _storage.FLOATS.index(slot.parameter.storage),
            all(pointer % 16 == 0 for pointer in pointers),
        )

    def _launch(
        self,
        work: Work,
        records: NDArray[Any],
        settings_of: Sequence[int],
        settings: Sequence[tuple[float, ...]],
        factor: float,
    ) -> None:
        in_double = records["parameter_storage"] == _storage.FLOATS.index("float64")
        kinds = np.array(settings_of) * 2 + in_double
        order = np.argsort(kinds, kind="stable")
        records, kinds = records[order], kinds[order]
        first, record_of_tile = dealt_out(records["size"], self._native.update_tile)
        records["first_tile"] = first[:-1]
        for slot in self._slots:
            for operand in (slot.parameter, *slot.states, *([] if slot.master is None else [slot.master])):
                work.writes(operand)
        on_device = [self._uploaded(work, "records", records), self._uploaded(work, "tiles", record_of_tile)]
        for kind in np.unique(kinds):
            here = np.flatnonzero(kinds == kind)
            tiles = int(first[here[0]]), int(first[here[-1] + 1])
            step, scale, coupled, decoupled, *own = settings[kind // 2]
            self._native.run_updates(
                work.place,
                self._number,
                bool(kind % 2),
                *on_device,
                tiles,
                [step, scale * factor, coupled, decoupled, *own],
                self._seed,
            )

    def _uploaded(self, work: Work, name: str, table: NDArray[Any]) -> int:
        """Return where a table lies in device memory; one that has not changed since the last step is there yet."""
        key = name, work.device, work.stream
        before = self._tables.get(key)
        if before is None or before[0].tobytes() != table.tobytes():
            self._tables[key] = before = table, uploaded(self._native, work.place, table)
        return int(before[1].pointer)
