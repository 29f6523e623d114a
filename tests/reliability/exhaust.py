"""Let every allocation of every kind of call fail, one after the other: run with failing_malloc.c loaded before libc.

A call that is refused memory raises MemoryError and has written nothing; the same call afterwards gives the same bits.
Prints a line for each call that does otherwise; a try is an allocation that failed.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import npfuse as nf
from fuzz.cases import bits, contiguous, flat
from fuzz.catalogue import OPERATIONS
from fuzz.choices import Seeded
from fuzz.optimizers import everything
from table import OPTIMIZERS

fail_allocation_after = ctypes.CDLL(None).fail_allocation_after
fail_allocation_after.restype, fail_allocation_after.argtypes = ctypes.c_long, [ctypes.c_long, ctypes.c_int]

MOST = 400  # allocations in a call

problems: list[str] = []

Attempt = tuple[str, Callable[[], Any], Callable[[], Any]]
"""A name, a call, and what is to be the same after the call was refused memory."""


def attempts(name: str, call: Callable[[], Any], state: Callable[[], Any], everybody: int) -> int:
    """Let one allocation after the other fail until the call needs no more; return how many failed."""
    before = state()
    for count in range(MOST):
        problem = ""
        fail_allocation_after(count, everybody)
        try:
            call()
        except MemoryError:
            fail_allocation_after(-1, 0)
            if state() != before:
                problem = "something was written"
        except BaseException as error:
            fail_allocation_after(-1, 0)
            problem = f"{type(error).__name__}: {error}"
        else:
            if fail_allocation_after(-1, 0) <= count:
                return count
            before = state()  # the call has done without
        if problem:
            problems.append(f"{name}: allocation {count} failed: {problem}")
            print(problems[-1], flush=True)
            return count
    return MOST


def calls(seeds: int) -> Iterator[Attempt]:
    """Yield calls of the catalogue; those that make optimizers would let pybind11's own allocations fail."""
    for operation in OPERATIONS:
        for seed in range(seeds):
            case = operation.draw(Seeded(seed))
            if "optimizer" in case.arguments:
                continue
            case.memory.freeze()

            def call(case: Any = case) -> Any:
                return case.call(case.arguments)

            def state(case: Any = case) -> Any:
                return case.memory.contents()

            with np.errstate(all="ignore"):
                try:
                    call()
                except Exception:
                    continue  # for the fuzzing to say
                case.memory.restore()
                expected = [bits(result) for result in flat(case.call(contiguous(case.arguments)))]
                yield operation.name, call, state
                case.memory.restore()
                if [bits(result) for result in flat(case.call(contiguous(case.arguments)))] != expected:
                    problems.append(f"{case.name}: afterwards the results differ")
                    print(problems[-1], flush=True)


def steps() -> Iterator[Attempt]:
    """Yield a step, and a step on rows, of every optimizer with every choice of options."""
    for row in OPTIMIZERS:
        for dtype in (np.float16, np.float32):
            random = np.random.default_rng(0)
            params = [random.normal(size=size).astype(dtype) for size in ((30, 4), (5000,), (70_000,))]
            grads = [np.asfortranarray(random.normal(size=param.shape)) for param in params]
            made = row.cls(params, **row.options)
            made.step(grads)

            def state(made: Any = made) -> Any:
                return [array.tobytes() for array in everything(made)], [group.steps for group in made.groups]

            for how in ({}, {"scale": 2.0, "clip_norm": 1.0}):
                yield str(row), lambda made=made, grads=grads, how=how: made.step(grads, **how), state
            if made._steps_rows:
                rows, some = np.array([1, 3, 1]), np.ones((3, 4))
                yield f"{row} rows", lambda made=made, rows=rows, some=some: made.step_rows(0, rows, some), state


def survives_everything(name: str) -> bool:
    """Tell whether all allocations may fail: NumPy's iterators, which ufuncs go through, do not survive that."""
    return name.split(".")[0] in nf.losses.__all__ or name == "global_norm"


def main() -> int:
    total = 0
    nf.set_num_threads(2)
    for found in (calls(int(sys.argv[1])), steps()):
        for name, call, state in found:
            print(name, end=" ", file=sys.stderr, flush=True)
            total += attempts(name, call, state, 0)
            if survives_everything(name):
                total += attempts(name, call, state, 1)
    print(f"{total} tries, {len(problems)} failures")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
