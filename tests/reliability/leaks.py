"""Call everything again and again, with good arguments and bad ones, and see that nothing is kept.

Prints a line for each kind of call that keeps memory or references; `python -m reliability.leaks 1000` in tests/.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Callable, Iterator

import numpy as np

import npfuse as nf
from fuzz.cases import Case, arrays_in
from fuzz.catalogue import OPERATIONS
from fuzz.choices import Seeded
from fuzz.spoiling import spoiled

WARM_UP = 10


class MallocInfo(ctypes.Structure):
    """What glibc's mallinfo2 returns."""

    _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]

    @property
    def in_use(self) -> int:
        """What malloc has given out: from its arenas, and as mappings of their own."""
        return self.h + self.e


def memory_in_use() -> int:
    """Return the bytes that malloc has given out; Python's own small objects come from elsewhere."""
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = MallocInfo
    return mallinfo().in_use


def attempt(case: Case) -> None:
    with contextlib.suppress(Exception):  # an error is as good as a result
        case.call(case.arguments)


def references(case: Case) -> list[int]:
    return [sys.getrefcount(array) for _, array in arrays_in(case.arguments)]


def held(run: Callable[[], None], times: int) -> tuple[float, float]:
    """Return how many bytes and Python blocks a run keeps, on the average."""
    for _ in range(WARM_UP):
        run()
    gc.collect()
    memory, blocks = memory_in_use(), sys.getallocatedblocks()
    for _ in range(times):
        run()
    gc.collect()
    return (memory_in_use() - memory) / times, (sys.getallocatedblocks() - blocks) / times


def cases(seeds: int) -> Iterator[Case]:
    """Yield a few calls of each operation, and as many spoiled ones."""
    for operation in OPERATIONS:
        for seed in range(seeds):
            yield operation.draw(Seeded(seed))
            bad = spoiled(operation.draw(Seeded(seed)), Seeded(seed))
            if bad is not None:
                yield bad


def main() -> int:
    times = int(sys.argv[1])
    nf.set_num_threads(1)
    gc.freeze()  # what was imported need not be gone through each time
    kept: dict[str, tuple[float, float]] = {}
    total = miscounted = 0
    with np.errstate(all="ignore"):
        for case in cases(3):
            if sum(array.size for _, array in arrays_in(case.arguments)) > 5000:
                continue
            before = references(case)
            attempt(case)
            if references(case) != before:
                print(f"{case.name} changes how often its arguments are referenced")
                miscounted += 1
            total += times
            # Again, and longer, where something is kept: filling a cache is not a leak, which grows with the calls.
            for calls in (times, max(times, 1000), 10 * max(times, 1000)):
                memory, blocks = held(lambda case=case: attempt(case), calls)
                if memory <= 8 and blocks <= 0.2:
                    break
            else:
                kept[case.name] = (memory, blocks)
    for name, (memory, blocks) in kept.items():
        print(f"{name} keeps {memory:.1f} bytes and {blocks:.2f} objects a call")
    print(f"{total} tries, {len(kept) + miscounted} failures")
    return 1 if kept or miscounted else 0


if __name__ == "__main__":
    raise SystemExit(main())
