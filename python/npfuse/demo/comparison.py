"""Every optimizer on the digits, from the same weights, each with the learning rate that a search finds for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npfuse._progress import progress
from npfuse.demo.choices import encode
from npfuse.demo.networks import FusedNetwork, initial_weights
from npfuse.demo.places import ON_CPU, Place
from npfuse.demo.training import HIDDEN_SIZES, Course, accuracy, load_digits
from npfuse.gallery.races import racers
from npfuse.optimizers import Optimizer

Array = NDArray[Any]

LEARNING_RATES = tuple(digit * 10.0**power for power in range(-4, 1) for digit in (1, 2, 5))
SEARCH_EPOCHS = 5
GOOD = 0.95
"""The test accuracy that is waited for."""


class Digits:
    """What all optimizers are given alike: the scans, the weights to start from, the batches."""

    def __init__(self, activation: str, loss: str, seed: int, place: Place = ON_CPU) -> None:
        self.x, labels, self.test_x, self.test_labels = load_digits(seed)
        self.targets = encode(labels, loss)
        self.weights = initial_weights([self.x.shape[1], *HIDDEN_SIZES, 10], seed)
        self.activation, self.loss, self.seed, self.place = activation, loss, seed, place

    def train(self, optimizer: Callable[..., Optimizer], epochs: int) -> tuple[Course, list[float]]:
        """Return how the training went, and the test accuracy after each epoch."""
        network = FusedNetwork(self.weights, self.activation, self.loss, optimizer, self.place)
        course, accuracies = Course(), []
        with np.errstate(over="ignore", invalid="ignore"):  # too large a learning rate
            for epoch in range(epochs):
                course.train(network, self.x, self.targets, np.random.default_rng([self.seed, epoch]))
                accuracies.append(accuracy(network, self.test_x, self.test_labels))
        return course, accuracies

    def best_learning_rate(self, optimizer: Callable[..., Optimizer]) -> float:
        """Return the learning rate with the lowest training loss after a few epochs."""

        def loss(lr: float) -> float:
            last = self.train(partial(optimizer, lr=lr), SEARCH_EPOCHS)[0].losses[-1]
            return last if np.isfinite(last) else np.inf

        return min(LEARNING_RATES, key=loss)


def compare(activation: str, loss: str, epochs: int, seed: int, place: Place = ON_CPU) -> dict[str, list[float]]:
    """Print a table of all optimizers and return their training losses."""
    digits = Digits(activation, loss, seed, place)
    rows, curves = [], {}
    for name, racer in progress(list(racers(place.kernels).items()), "comparing", "optimizer"):
        lr = digits.best_learning_rate(racer)
        course, accuracies = digits.train(partial(racer, lr=lr), epochs)
        reached = next((str(i) for i, found in enumerate(accuracies, 1) if found >= GOOD), "never")
        milliseconds = 1e3 * min(course.seconds)
        rows.append(
            f"{name:<14}{lr:>8g}{accuracies[-1]:>10.2%}{reached:>10}{milliseconds:>10.2f}{course.losses[-1]:>12.2e}"
        )
        curves[f"{name}, lr {lr:g}"] = course.losses
    print(f"{activation} + {loss}, {epochs} epochs of {len(digits.x)} scans, tested on {len(digits.test_x)} others.")
    grid = f"from {LEARNING_RATES[0]:g} to {LEARNING_RATES[-1]:g}"
    print(f"Learning rates: 1, 2 and 5 times powers of ten {grid} are tried,")
    print(f"the one with the lowest training loss after {SEARCH_EPOCHS} epochs is taken. All else is at its default.")
    print(f"{'':14}{'':>8}{'test':>10}{'epochs':>10}{'fastest':>10}{'training':>12}")
    print(f"{'':14}{'lr':>8}{'accuracy':>10}{f'to {GOOD:.0%}':>10}{'epoch ms':>10}{'loss':>12}")
    print("\n".join(rows))
    return curves
