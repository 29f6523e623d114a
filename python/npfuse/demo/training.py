"""The digits, and going through them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol, SupportsFloat

import numpy as np
from numpy.typing import NDArray

import npfuse as nf

Array = NDArray[Any]

BATCH_SIZE = 64
HIDDEN_SIZES = (256, 128)


class Network(Protocol):
    """What can be trained."""

    def train(self, x: Array, target: Array) -> SupportsFloat:
        """Take one step on a batch and return its loss."""

    def predict(self, x: Array) -> Array:
        """Return the most likely class of each row."""


def load_digits(seed: int) -> tuple[Array, Array, Array, Array]:
    """Return the scans and labels to learn from, and those to be tested on (a quarter)."""
    from sklearn.datasets import load_digits as sklearn_digits

    scans, labels = sklearn_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(scans))
    scans, labels = (scans[order] / 16).astype(np.float32), labels[order]
    held_out = len(scans) // 4
    return scans[held_out:], labels[held_out:], scans[:held_out], labels[:held_out]


def one_thread_for_products() -> AbstractContextManager[object]:
    """Keep NumPy's matrix products on one thread: these are too small to share out, and waiting would be timed."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


@dataclass
class Course:
    """How a network's training went, epoch by epoch."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def train(self, network: Network, x: Array, targets: Array, rng: np.random.Generator) -> None:
        """Go through the training set once."""
        batches = list(nf.minibatches([x, targets], BATCH_SIZE, rng=rng))
        start = perf_counter()
        computed = [network.train(*batch) for batch in batches]
        losses = [float(loss) for loss in computed]
        self.seconds.append(perf_counter() - start)
        self.losses.append(float(np.mean(losses)))


def accuracy(network: Network, x: Array, labels: Array) -> float:
    """Return the share of rows whose class is found."""
    return float((network.predict(x) == labels).mean())
