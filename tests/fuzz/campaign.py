"""Many cases, one after the other: `python -m fuzz.campaign --arrays 1000000 --bad 100000`."""

from __future__ import annotations

import argparse
import collections
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import npfuse as nf
from fuzz.cases import Case, Operation, Wrong, arrays_in
from fuzz.catalogue import OPERATIONS
from fuzz.choices import Choices, Replayed, Seeded
from fuzz.spoiling import verify_refusal

Check = Callable[[Operation, Choices], "Case | None"]


def verify_good(operation: Operation, choices: Choices) -> Case:
    """Draw a call and hold it to the reference."""
    nf.set_num_threads(choices.among([1, 2, 3]))
    case = operation.draw(choices)
    case.verify()
    return case


def verify_bad(operation: Operation, choices: Choices) -> Case | None:
    """Draw a call, spoil it, and see it refused."""
    nf.set_num_threads(1)
    return verify_refusal(operation.draw(choices), choices)


@dataclass
class Campaign:
    """What was tried and what failed."""

    check: Check
    tries: collections.Counter[str] = field(default_factory=collections.Counter)
    arrays: int = 0
    failures: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    """By operation; of several only the first is shrunk and has a message."""

    def try_once(self, operation: Operation, seed: int) -> None:
        choices = Seeded(seed)
        try:
            case = self.check(operation, choices)
            if case is None:
                return
            self.tries[operation.name] += 1
            self.arrays += sum(1 for _ in arrays_in(case.arguments))
        except Wrong:
            self.tries[operation.name] += 1
            first = not self.failures[operation.name]
            self.failures[operation.name].append(shrunk(self.check, operation, choices.record) if first else "")

    def run(self, operations: list[Operation], seeds: Iterator[int], enough: Callable[[Campaign], bool]) -> None:
        """Go through the operations in turn until there is enough."""
        before = nf.get_num_threads()
        try:
            while not enough(self):
                tried = self.tries.total()
                for operation in operations:
                    self.try_once(operation, next(seeds))
                if self.tries.total() == tried and self.check is verify_bad:
                    return  # there is nothing to spoil
        finally:
            nf.set_num_threads(before)

    @property
    def failed(self) -> int:
        return sum(len(messages) for messages in self.failures.values())


def shrunk(check: Check, operation: Operation, record: list[int]) -> str:
    """Return the message of the simplest failure found by making one choice after the other simpler."""
    message = problem(check, operation, record)
    best = list(record)
    improved, deadline = True, time.monotonic() + 5
    while improved and time.monotonic() < deadline:
        improved = False
        for position in range(len(best)):
            for simpler in (0, best[position] // 2, best[position] - 1):
                if not 0 <= simpler < best[position]:
                    continue
                candidate = [*best[:position], simpler, *best[position + 1 :]]
                found = problem(check, operation, candidate)
                if found:
                    best, message, improved = candidate, found, True
                    break
    return message


def problem(check: Check, operation: Operation, record: list[int]) -> str:
    try:
        check(operation, Replayed(record))
    except Wrong as wrong:
        return str(wrong)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrays", type=int, default=1_000_000)
    parser.add_argument("--bad", type=int, default=100_000, help="how many bad calls")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="operations whose name contains this")
    options = parser.parse_args()
    operations = [operation for operation in OPERATIONS if options.only in operation.name]
    good, bad = Campaign(verify_good), Campaign(verify_bad)
    seeds = iter(range(options.seed, 2**62))
    good.run(operations, seeds, lambda campaign: campaign.arrays >= options.arrays)
    bad.run(operations, seeds, lambda campaign: campaign.tries.total() >= options.bad)
    for campaign in (good, bad):
        for first, *_ in campaign.failures.values():
            print(first, "\n", "-" * 100, sep="")
    print("| operation | calls | wrong | bad calls | not refused |\n|---|---|---|---|---|")
    for name in good.tries | bad.tries:
        columns = (good.tries[name], len(good.failures[name]), bad.tries[name], len(bad.failures[name]))
        print(f"| {name} | {' | '.join(map(str, columns))} |")
    print(f"\n{good.arrays} arrays, {good.failed} wrong; {bad.tries.total()} bad calls, {bad.failed} not refused")
    return 1 if good.failed or bad.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
