"""Callers at once, on arrays of their own and on shared ones, while the number of threads changes.

Run under ThreadSanitizer by `nox -s threads`, and for a second by the tests. Ends with 1 where a result is wrong.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time

import numpy as np

import npfuse as nf
from reliability.calls import KINDS, calls

CALLERS = 4


class Stress:
    """What goes on for a while in several threads."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.problems: list[str] = []
        self.rounds = 0

    def going_on(self) -> bool:
        return time.monotonic() < self.end and not self.problems

    def compute(self) -> None:
        """Every kind of call; all callers read the same arrays."""
        shared_calls = self.shared
        while self.going_on():
            for name, call in shared_calls.items():
                if call() != self.expected[name]:
                    self.problems.append(f"{name} gave other bits")
            self.rounds += 1

    def train(self) -> None:
        """An optimizer of its own."""
        params = [np.zeros(50_000, np.float32), np.zeros(10, np.float32)]
        grads = [np.ones_like(param) for param in params]
        optimizer = nf.SGD(params, lr=1.0)
        steps = 0
        while self.going_on():
            optimizer.step(grads)
            steps += 1
        if not all((param == -steps).all() for param in params):
            self.problems.append("an optimizer of one thread lost a step")

    def share(self, optimizer: nf.Optimizer, grads: list[np.ndarray], taken: list[int]) -> None:
        """An optimizer of several threads: a step is taken whole, or refused."""
        while self.going_on():
            try:
                optimizer.step(grads)
            except (RuntimeError, ValueError):
                continue
            taken.append(1)

    def change_threads(self) -> None:
        for count in itertools.cycle([1, 4, 2, 3, 8]):
            if not self.going_on():
                return
            nf.set_num_threads(count)
            time.sleep(0.003)

    def run(self) -> None:
        self.shared = calls()
        self.expected = {name: call() for name, call in self.shared.items()}
        params = [np.zeros(n, np.float32) for n in (100, 40_000)]
        grads = [np.ones_like(param) for param in params]
        optimizer, taken = nf.SGD(params, lr=1.0), []
        jobs = [threading.Thread(target=self.compute) for _ in range(CALLERS)]
        jobs += [threading.Thread(target=self.train), threading.Thread(target=self.change_threads)]
        jobs += [threading.Thread(target=self.share, args=(optimizer, grads, taken)) for _ in range(2)]
        before = nf.get_num_threads()
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        nf.set_num_threads(before)
        counts = {float(-part) for param in params for part in (param.min(), param.max())}
        if counts != {float(len(taken))} or optimizer.groups[0].steps != len(taken):
            self.problems.append(f"{len(taken)} steps of a shared optimizer left {counts}, {optimizer.groups[0].steps}")


def main() -> int:
    stress = Stress(float(sys.argv[1]))
    stress.run()
    print(*stress.problems, sep="\n")
    print(f"{stress.rounds * len(KINDS)} tries, {len(stress.problems)} failures")
    return 1 if stress.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
