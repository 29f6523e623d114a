"""An optimizer's step on a GPU: all arrays in one launch for each group of settings and computing type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npfuse import _native
from npfuse.cuda import _device, _storage
from npfuse.cuda._array import Array
from npfuse.cuda._libraries import OF_KNOWN_STREAMS, library_of
from npfuse.cuda._norm import norm_of
from npfuse.cuda._operands import Operand, check_device
from npfuse.cuda._overlap import MemoryRanges
from npfuse.cuda._plan import Plan
from npfuse.cuda._tables import UPDATE, uploaded
from npfuse.cuda._work import Work

Changes = Sequence[tuple[dict[str, Any], dict[str, Any]]]


def make(changes: Changes) -> None:
    """Update each first dict with the second."""
    for before, change in changes:
        before.update(change)


class Slot(NamedTuple):
    """A parameter and what belongs to it."""

    device: int
    parameter: Operand
    states: tuple[Operand, ...]
    master: Operand | None
    settings: int

    @property
    def updated(self) -> Operand:
        """What the step is taken on."""
        return self.parameter if self.master is None else self.master

    @property
    def written(self) -> tuple[Operand, ...]:
        """All that a step writes to."""
        return (self.parameter, *self.states) if self.master is None else (self.parameter, *self.states, self.master)


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

    def __init__(self, kernel: str, seed: int | None, *, single: bool = False) -> None:
        """Of one parameter only, and with states that are the caller's, if `single`."""
        self._native = _device.native()
        self._number = self._native.optimizers[kernel]
        self._state_names = _native.optimizers[kernel]["states"]
        self._state_count = len(self._state_names)
        self._seed = seed
        self._single = single
        self._slots: list[Slot] = []
        self._owned: list[Operand] = []
        self._memories: list[Any] = []  # those of them that are ours
        self._libraries: set[str] = set()  # of the others
        self._ranges = MemoryRanges([])
        self._gradient_names: list[str] = []
        self._plan: Plan | None = None
        self._tables: dict[str, tuple[NDArray[Any], Any]] = {}
        self.stream: Any = None

    def _name(self, what: str, i: int) -> str:
        return what if self._single else f"{what}s[{i}]"

    def _work(self, name: str, gradient: Any) -> Work:
        check_device(name, gradient, self._slots[0].device)
        return Work(name, gradient, self.stream)

    def add(self, parameters: Sequence[Any], states: Sequence[Sequence[Any]], settings: int) -> None:
        """Take over parameters, which are contiguous, and their states."""
        slots: list[Slot] = []
        for parameter, own in zip(parameters, states, strict=True):
            name = self._name("param", len(self._slots) + len(slots))
            before = self._slots or slots
            with Work(name, parameter, None) as work:
                check_device(name, parameter, before[0].device if before else work.device)
                slots.append(self._slot(work, name, parameter, own, settings))
        owned = [*self._owned, *(operand for slot in slots for operand in slot.written)]
        self._ranges = MemoryRanges(owned)
        self._owned = owned
        owners = [operand.owner for operand in owned]
        self._memories = [owner._memory for owner in owners if isinstance(owner, Array)]
        self._libraries |= OF_KNOWN_STREAMS & {library_of(array) for array in (*parameters, *chain(*states))}
        self._slots += slots
        self._gradient_names = [self._name("grad", i) for i in range(len(self._slots))]
        self._plan = None

    def _slot(self, work: Work, name: str, parameter: Any, states: Sequence[Any], settings: int) -> Slot:
        operand = work.take(name, parameter)
        check_updated(operand)
        with_master = self._state_count + (not self._single and operand.storage in ("float16", "bfloat16"))
        if not self._state_count <= len(states) <= with_master or any(state is None for state in states):
            raise TypeError(f"{name} must have the states {', '.join(self._state_names) or 'none'}, got {len(states)}")
        names = self._state_names if self._single else [f"a state of {name}"] * len(states)
        taken = tuple(work.take_any(word, state) for word, state in zip(names, states, strict=True))
        for state in taken:
            check_state(state, operand)
        master = taken[self._state_count] if len(taken) > self._state_count else None
        return Slot(work.device, operand, taken[: self._state_count], master, settings)

    def group_of(self, index: int) -> int:
        """Return which settings a parameter is updated with."""
        return self._slots[index].settings

    def step(
        self,
        grads: Any,
        settings: Sequence[tuple[float, ...]],
        factor: float,
        guarded: bool,
        largest: float,
        changes: Changes = (),
    ) -> bool:
        """Update every parameter and make the changes; return False where that is guarded and a gradient not finite."""
        if not isinstance(grads, (list, tuple)):
            raise TypeError(f"grads must be a list or tuple of arrays, got {type(grads).__name__}")
        if len(grads) != len(self._slots):
            raise ValueError(
                f"grads must hold one array for each of the {len(self._slots)} parameters, got {len(grads)}"
            )
        if not grads:
            make(changes)
            return True
        with self._work(self._gradient_names[0], grads[0]) as work:
            gradients = self._gradients(work, grads)
            addresses = [work.contiguous(gradient) for gradient in gradients]
            if guarded or math.isfinite(largest):
                norm = norm_of(work, gradients, addresses)
                if math.isfinite(norm) and norm * abs(factor) > largest:
                    factor = math.copysign(largest / norm, factor)
                elif not math.isfinite(norm * abs(factor)):
                    return False
            if self._plan is None:
                records = np.array([self._record(i) for i in range(len(self._slots))], UPDATE)
                self._plan = Plan(records, [slot.settings for slot in self._slots], self._native.update_tile)
            storages = [_storage.NUMBERS[gradient.storage] for gradient in gradients]
            records = self._plan.with_gradients(np.array(addresses, np.uint64), np.array(storages, np.uint8))
            self._launch(work, self._plan, records, settings, factor)
        make(changes)
        return True

    def _gradients(self, work: Work, grads: Sequence[Any]) -> list[Operand]:
        """Return the gradients, which fit their parameters."""
        gradients = [work.take(name, grad) for name, grad in zip(self._gradient_names, grads, strict=True)]
        for slot, gradient in zip(self._slots, gradients, strict=True):
            if gradient.shape != slot.parameter.shape:
                raise ValueError(
                    f"{gradient.name} must be of its parameter's shape {slot.parameter.shape}, got {gradient.shape}"
                )
        self._ranges.check(gradients)
        return gradients

    def step_rows(
        self,
        index: int,
        numbers: NDArray[np.int64],
        grads: Any,
        settings: tuple[float, ...],
        factor: float,
        guarded: bool,
        changes: Changes = (),
    ) -> bool:
        """Update some rows of a parameter: numbers[i] is the row that gradient i is of."""
        rows, counts = np.unique(numbers, return_counts=True)
        ends, order = np.cumsum(counts), np.argsort(numbers, kind="stable")
        slot = self._slots[index]
        with self._work("grads", grads) as work:
            gradient = work.take("grads", grads)
            needed = (len(order), *slot.parameter.shape[1:])
            if gradient.shape != needed:
                raise ValueError(f"grads must be of shape {needed}, got {gradient.shape}")
            self._ranges.check([gradient])
            address = work.contiguous(gradient)
            if guarded and not math.isfinite(norm_of(work, [gradient], [address])):
                return False
            length = math.prod(slot.parameter.shape[1:])
            if not len(rows) or not length:
                make(changes)
                return True
            computing = "float64" if slot.updated.storage == "float64" else "float32"
            item = _storage.itemsize(computing)
            sums = work.memory(len(rows) * length * item)
            named = [uploaded(self._native, work.place, table.astype(np.int64)) for table in (ends, order)]
            self._native.sum_rows(
                work.place,
                address,
                _storage.NUMBERS[gradient.storage],
                computing == "float64",
                *(table.pointer for table in named),
                len(rows),
                length,
                sums,
            )
            records = np.zeros(len(rows), UPDATE)
            records[:] = self._record(index)
            records["size"], records["first"] = length, rows * length
            records["gradient"] = sums + np.arange(len(rows)) * (length * item)
            records["gradient_storage"] = _storage.NUMBERS[computing]
            for field, operand in self._pointers(slot):
                size = _storage.itemsize(operand.storage)
                records[field] += (rows * (length * size)).astype(np.uint64)
            for k, state in enumerate(slot.states):
                records["states"][:, k] += (rows * (length * _storage.itemsize(state.storage))).astype(np.uint64)
            records["aligned"] = 0
            plan = Plan(records, [0] * len(rows), self._native.update_tile)
            self._launch(work, plan, plan.records, [settings], factor)
        make(changes)
        return True

    @staticmethod
    def _pointers(slot: Slot) -> list[tuple[str, Operand]]:
        pointers = [("parameter", slot.updated)]
        return pointers if slot.master is None else [*pointers, ("copy", slot.parameter)]

    def _record(self, i: int) -> tuple[Any, ...]:
        """Return what a launch has to know of a parameter besides its gradient."""
        slot = self._slots[i]
        states = [state.pointer for state in slot.states]
        return (
            slot.updated.pointer,
            0,
            states + [0] * (3 - len(states)),
            0 if slot.master is None else slot.parameter.pointer,
            slot.parameter.size,
            0,
            0,
            i,
            _storage.NUMBERS[slot.updated.storage],
            0,
            _storage.NUMBERS[slot.parameter.storage],
            all(operand.pointer % 16 == 0 for operand in slot.written),
        )

    def _launch(
        self, work: Work, plan: Plan, records: NDArray[Any], settings: Sequence[tuple[float, ...]], factor: float
    ) -> None:
        work.use(self._memories, is_written=True)
        for library in self._libraries:
            work.follow(library)
        tables = [self._uploaded(work, "records", records), self._uploaded(work, "tiles", plan.record_of_tile)]
        for launch in plan.launches:
            step, scale, coupled, decoupled, *own = settings[launch.settings]
            self._native.run_updates(
                work.place,
                self._number,
                launch.in_double,
                *tables,
                launch.tiles,
                [step, scale * factor, coupled, decoupled, *own],
                self._seed,
            )

    def _uploaded(self, work: Work, name: str, table: NDArray[Any]) -> int:
        """Return where a table lies in device memory; one that has not changed since the last step is there yet."""
        before = self._tables.get(name)
        is_new = before is None or before[0].tobytes() != table.tobytes()
        if before is None or is_new:
            self._tables[name] = before = table, uploaded(self._native, work.place, table)
        work.use([before[1]], is_written=is_new)
        return int(before[1].pointer)
