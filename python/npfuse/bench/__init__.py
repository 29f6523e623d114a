"""``python -m npfuse bench``: every operation beside NumPy's textbook formula and whichever peers are installed."""

import argparse
import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import npfuse as nf
from npfuse import _native
from npfuse.bench import bars, machine, peers, report, suite
from npfuse.bench.contest import OURS

IN_CACHE = 100_000


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m npfuse bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, shorter measurements")
    parser.add_argument("--only", metavar="WORD", nargs="+", help="operations whose name contains one of these")
    parser.add_argument(
        "--peers", metavar="NAME", nargs="+", default=peers.PEERS, help="compare with these, if installed"
    )
    parser.add_argument("--threads", metavar="N", type=int, default=1, help="for everyone; 1 unless told")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results there, too")
    parser.add_argument(
        "--no-bars", action="store_true", help="leave out the cost of calls, of the import, of the wheel"
    )
    return parser.parse_args(argv)


def choose(options: argparse.Namespace) -> list[suite.Entry]:
    """Return the contests that are asked for; end with what there is if none is."""
    entries = list(suite.entries(options.quick))
    words = options.only or [""]
    chosen = [entry for entry in entries if any(word in entry.operation for word in words)]
    if not chosen:
        known = ", ".join(dict.fromkeys(entry.operation for entry in entries))
        raise SystemExit(f"no operation is called {' or '.join(words)}; there are {known}")
    return chosen


def with_progress(entries: Sequence[suite.Entry]) -> tuple[Iterable[suite.Entry], Callable[[str], None]]:
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
    return report.Result(entry.operation, entry.workload, entry.numbers, contest.bytes_moved, seconds, contest.wrong)


def geometric_mean(ratios: list[float]) -> float:
    """Return the mean that treats twice as fast and half as fast alike."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; the exit status is 0 once every result of ours is verified."""
    options = parse(argv)
    chosen = choose(options)
    machine.use_cpus(options.threads)
    present = peers.installed(tuple(options.peers))
    peers.limit_threads(present, options.threads)
    nf.set_num_threads(options.threads)

    copy = {n: machine.copy_bandwidth(n) for n in (IN_CACHE, 20_000_000)}
    print(f"{machine.processor()}, kernels for {_native.config()['isa']}, {options.threads} of {os.cpu_count()} CPUs")
    print(", ".join(f"{package} {version}" for package, version in machine.versions().items()))
    print("copy: " + ", ".join(f"{rate:.0f} GB/s of {n:,} numbers" for n, rate in copy.items()))

    contestants = [OURS, *present]
    results = []
    print(report.heading(contestants))
    bar_of_chosen, write = with_progress(chosen)
    for entry in bar_of_chosen:
        results.append(run(entry, present, options.quick))
        write(report.line(results[-1], contestants))
    in_cache = [result.ratio for result in results if result.numbers == IN_CACHE and result.ratio]
    if in_cache:
        print(f"best peer over npfuse at {IN_CACHE:,} numbers: geometric mean {geometric_mean(in_cache):.2f} ×")

    measured = [] if options.no_bars else list(bars.measure(present))
    for bar in measured:
        print(bar)
    if options.json:
        data = {
            "processor": machine.processor(),
            "threads": options.threads,
            "versions": machine.versions(),
            "copy_gigabytes_per_second": copy,
            "results": [result.as_dict() for result in results],
            "bars": [{**asdict(bar), "kept": bar.kept} for bar in measured],
        }
        options.json.write_text(json.dumps(data, indent=1))
    return 0
