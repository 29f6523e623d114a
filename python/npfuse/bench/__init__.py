"""``python -m npfuse bench``: every operation beside the NumPy reference and whichever peers are installed."""

import argparse
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, TypeVar

import npfuse as nf
from npfuse import _native
from npfuse.bench import bandwidth, inputs, machine, overhead, peers, picture, promises, report, suite
from npfuse.bench.bar import Bar
from npfuse.bench.contest import OURS

Item = TypeVar("Item")


class OfAnOperation(Protocol):
    """What is measured, whatever it runs on."""

    @property
    def family(self) -> str:
        """Return the family of the operation."""

    @property
    def operation(self) -> str:
        """Return its name."""


Named = TypeVar("Named", bound=OfAnOperation)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m npfuse bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter measurements")
    parser.add_argument(
        "--only", metavar="WORD", nargs="+", help="operations whose name or family contains one of these"
    )
    parser.add_argument("--peers", metavar="NAME", nargs="+", help="compare with these, if installed")
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="for everyone; 1 unless told")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results there, too")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="draw how many times our time the best peer takes")
    parser.add_argument(
        "--no-bars",
        action="store_true",
        help="leave out what is measured besides: costs of calls, bandwidth, the wheel",
    )
    parser.add_argument("--cuda", action="store_true", help="on a GPU: every kernel beside the device's own copy")
    parser.add_argument("--numbers", metavar="N", type=int, help="with --cuda: how many at a time; 64 Mi unless told")
    options = parser.parse_args(argv)
    if options.cuda and options.picture:
        parser.error("argument --picture: it is of results on the CPU")
    if options.numbers is not None and (not options.cuda or options.numbers < 1):
        parser.error(f"argument --numbers: with --cuda, at least 1; got {options.numbers}")
    return options


def choose(everything: Iterable[Named], only: Sequence[str] | None) -> list[Named]:
    """Return what is asked for, all if nothing is; end with what there is if there is no such thing."""
    known = list(everything)
    words = only or [""]
    chosen = [each for each in known if any(word in f"{each.family} {each.operation}" for word in words)]
    if not chosen:
        names = ", ".join(dict.fromkeys(each.operation for each in known))
        raise SystemExit(f"no operation is called {' or '.join(words)}; there are {names}")
    return chosen


def with_progress(entries: Sequence[Item]) -> tuple[Iterable[Item], Callable[[str], None]]:
    """Show a progress bar where tqdm is installed; return what to loop over and how to print meanwhile."""
    try:
        from tqdm import tqdm
    except ImportError:
        return entries, print
    return tqdm(entries, desc="bench", leave=False, dynamic_ncols=True), tqdm.write


def run(entry: suite.Entry, present: list[str], quick: bool) -> report.Result:
    """Hold one contest."""
    contest = entry.set_up(present)
    seconds = contest.times(rounds=5 if quick else 11, seconds=0.002 if quick else 0.006)
    return report.Result(
        entry.family, entry.operation, entry.workload, entry.numbers, contest.bytes_moved, seconds, contest.wrong
    )


def measure(options: argparse.Namespace, names: set[str]) -> Iterator[Bar]:
    """Yield every bar that contests tell nothing about, of these operations."""
    yield from overhead.calls_of_one_number(names)
    yield from overhead.arrays_of_a_step(names)
    yield from inputs.hard_numbers(names)
    yield from inputs.half_types(names)
    yield from inputs.subnormal_states(names)
    yield from bandwidth.relu_as_a_copy(names)
    yield from bandwidth.losses_as_a_subtraction(names, [suite.BEYOND_CACHE] if options.quick else suite.LARGE_SIZES)
    if not options.quick:
        yield from bandwidth.steps_as_passes(names)
    if not options.only:
        yield from overhead.import_time()
        yield from overhead.wheel_size()


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; the exit status is 0 once every result of ours is verified."""
    options = parse(argv)
    if options.cuda:
        from npfuse.bench import gpu

        return gpu.main(options)
    chosen = choose(suite.entries(options.quick), options.only)
    machine.use_cpus(options.threads)
    present = peers.installed(tuple(options.peers or peers.PEERS))
    peers.limit_threads(present, options.threads)
    nf.set_num_threads(options.threads)

    copy = {n: machine.copy_bandwidth(n) for n in (suite.IN_CACHE, suite.LARGE)}
    print(f"{machine.processor()}, kernels for {_native.config()['isa']}, {options.threads} of {os.cpu_count()} CPUs")
    print(", ".join(f"{package} {version}" for package, version in machine.versions().items()))
    print("copy: " + ", ".join(f"{rate:.0f} GB/s of {n:,} numbers" for n, rate in copy.items()))

    contestants = [OURS, *present]
    results = []
    print(report.heading(contestants))
    progress, write = with_progress(chosen)
    for entry in progress:
        results.append(run(entry, present, options.quick))
        write(report.line(results[-1], contestants))

    bars = []
    for bar in promises.judge(results):
        bars.append(bar)
        print(bar)
    if not options.no_bars:
        for bar in measure(options, {entry.operation for entry in chosen}):
            bars.append(bar)
            print(bar)
    if options.picture:
        picture.draw(results, options.picture)
    if options.json:
        data = {
            "processor": machine.processor(),
            "threads": options.threads,
            "versions": machine.versions(),
            "copy_gigabytes_per_second": copy,
            "results": [result.as_dict() for result in results],
            "bars": [{**asdict(bar), "kept": bar.kept} for bar in bars],
        }
        options.json.write_text(json.dumps(data, indent=1))
    return 0
