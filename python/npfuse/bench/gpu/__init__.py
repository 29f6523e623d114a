"""``python -m npfuse bench --cuda``: every kernel beside the device's own copy, and torch and CuPy beside it."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from npfuse import _native, cuda
from npfuse.bench import choose, machine, with_progress
from npfuse.bench.contest import OURS
from npfuse.bench.gpu import contest, peers, promises
from npfuse.bench.gpu.clock import Clock
from npfuse.bench.gpu.elementwise import elementwise
from npfuse.bench.gpu.rows import LENGTHS, of_rows
from npfuse.bench.gpu.task import Task
from npfuse.bench.gpu.training import CLASSES, of_losses, of_optimizers, small_steps
from npfuse.bench.report import Result, cells
from npfuse.cuda import _device

LARGE, QUICK = 2**26, 2**22


def dtypes() -> list[np.dtype[Any]]:
    """Return what every kernel is timed with: float32, and the half types that NumPy has here."""
    found: list[np.dtype[Any]] = [np.dtype(np.float32), np.dtype(np.float16)]
    if _native.config()["bfloat16"]:
        import ml_dtypes

        found.append(np.dtype(ml_dtypes.bfloat16))
    return found


def tasks(numbers: int, quick: bool) -> Iterator[Task]:
    """Yield everything that is timed, over so many numbers each."""
    for dtype in dtypes():
        yield from elementwise(numbers, dtype)
        yield from of_rows(numbers, dtype, LENGTHS[:1] if quick else LENGTHS)
        yield from of_losses(numbers, dtype, CLASSES[1:2] if quick else CLASSES)
        yield from of_optimizers(numbers, dtype)
    yield small_steps()


def run(task: Task, present: list[str], clock: Clock, quick: bool) -> Result:
    """Have everybody do a task."""
    arrays = task.make()
    held = contest.set_up(task, arrays, present, clock)
    held.verify()
    seconds = clock.best_times(held.calls, rounds=3 if quick else 7, seconds=0.002 if quick else 0.02)
    moved = sum(array.nbytes for array in arrays) + task.moved_besides
    return Result(task.family, task.operation, task.workload, task.numbers, moved, seconds, held.wrong)


def heading(contestants: list[str]) -> str:
    """Return the table's first line."""
    columns = "".join(f"{name:>9}" for name in contestants)
    return f"{'ns per number':24}{'':28}{columns}{'GB/s':>8}{'of copy':>9}  best peer"


def line(result: Result, contestants: list[str], copy: float) -> str:
    """Return one line: everyone's ns per number, our GB/s and what part of a copy's that is."""
    start = f"{result.operation:24}{result.workload:>28}{cells(result, contestants)}"
    if OURS not in result.seconds:
        return f"{start}  not timed: not the CPU's bits"
    best = f"  {result.ratio:.2f} × {result.best_peer}" if result.best_peer else ""
    rate = result.gigabytes_per_second
    return f"{start}{rate:8.0f}{rate / copy:9.2f}{best}"


def main(options: argparse.Namespace) -> int:
    """Run the benchmark; the exit status is 0 once every result of ours is verified."""
    reason = _device.reason_against()
    if reason is not None:
        raise SystemExit(f"--cuda: {reason}")
    numbers = options.numbers or (QUICK if options.quick else LARGE)
    wanted = choose(tasks(numbers, options.quick), options.only)
    native = _device.native()
    clock = Clock(native)
    present = peers.present(options.peers or peers.PEERS)
    copied = 4 * numbers
    copy = clock.copy_bandwidth(copied, rounds=5, seconds=0.01)
    print(f"{clock.name}, last level of cache {clock.cache:,} bytes")
    print(", ".join(f"{package} {version}" for package, version in machine.versions().items()))
    print(f"copy: {copy:.0f} GB/s of {copied:,} bytes")

    contestants = [OURS, *present]
    results = []
    print(heading(contestants))
    progress, write = with_progress(wanted)
    for task in progress:
        results.append(run(task, present, clock, options.quick))
        write(line(results[-1], contestants, copy))

    bars = list(promises.judge(results, copy))
    if not options.no_bars and any(task.operation == "Adam" for task in wanted):
        bars.append(promises.launches(native, ready_step(small_steps())))
    for bar in bars:
        print(bar)
    if options.json:
        data = {
            "device": clock.name,
            "versions": machine.versions(),
            "copy_gigabytes_per_second": copy,
            "results": [
                {**result.as_dict(), "of_copy": result.gigabytes_per_second / copy}
                for result in results
                if OURS in result.seconds
            ],
            "not_verified": [promises.named(result) for result in results if OURS in result.wrong],
            "bars": [{**asdict(bar), "kept": bar.kept} for bar in bars],
        }
        options.json.write_text(json.dumps(data, indent=1))
    return 1 if any(OURS in result.wrong for result in results) else 0


def ready_step(task: Task) -> Any:
    """Return a task's call with everything sent and made that only the first needs."""
    call = task.ours(cuda, [cuda.asarray(array) for array in task.make()])
    call()
    return call
