"""All optimizers on a surface, each with the learning rate that suits it there best."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse.gallery.surfaces import Surface
from npfuse.optimizers import Optimizer

Array = NDArray[Any]

LEARNING_RATES = tuple(digit * 10.0**power for power in range(-5, 3) for digit in (1, 2, 5))
SMALLEST_GAP = 1e-6
"""Heights closer to the minimum count as there."""

RULE = (
    f"Of the learning rates 1, 2 and 5 times the powers of ten from {LEARNING_RATES[0]:g} to {LEARNING_RATES[-3]:g} "
    "each optimizer has the one with the lowest mean logarithm of the height above the minimum over all steps "
    f"({SMALLEST_GAP:g} if it is less) that never leaves the picture: what gets low soon and stays there. "
    "All else is at its default, AdamW's weight decay towards the origin, too."
)


@dataclass(frozen=True, eq=False)
class Run:
    """How one optimizer went."""

    name: str
    lr: float
    path: Array
    """Where it was before the first step and after each: x, y."""
    gap: Array
    """Its heights above the minimum."""

    @property
    def lowest_so_far(self) -> Array:
        """Return for each step the lowest height up to then."""
        return np.minimum.accumulate(self.gap)


def racers(kernels: Any = nf) -> dict[str, Callable[..., Optimizer]]:
    """Return every optimizer, of the CPU's or the GPU's kernels, and the three ways of SGD."""
    classes = (getattr(kernels, name, None) for name in nf.optimizers.__all__)
    found: dict[str, Callable[..., Optimizer]] = {
        kind.__name__: kind
        for kind in classes
        if inspect.isclass(kind) and issubclass(kind, Optimizer) and not inspect.isabstract(kind)
    }
    momentum = {
        "SGD momentum": partial(kernels.SGD, momentum=0.9),
        "SGD nesterov": partial(kernels.SGD, momentum=0.9, nesterov=True),
    }
    return {"SGD": found.pop("SGD"), **momentum, **dict(sorted(found.items()))}


def paths(racer: Callable[..., Optimizer], surface: Surface) -> Array:
    """Return where an optimizer goes, one path for each learning rate: rates × steps × 2."""
    positions = np.tile(np.array(surface.start), (len(LEARNING_RATES), 1))
    optimizer = racer([{"params": [row], "lr": lr} for row, lr in zip(positions, LEARNING_RATES, strict=True)])
    visited = [positions.copy()]
    with np.errstate(over="ignore", invalid="ignore"):  # the largest learning rates do not stay on the surface
        for _ in range(surface.steps):
            optimizer.step(list(np.column_stack(surface.slope(*positions.T))))
            visited.append(positions.copy())
    return np.stack(visited, axis=1)


def best_run(name: str, racer: Callable[..., Optimizer], surface: Surface) -> Run:
    """Run an optimizer with every learning rate and keep the best."""
    visited = paths(racer, surface)
    x, y = visited[..., 0], visited[..., 1]
    stays = surface.shows(x, y).all(axis=1)
    gaps = np.full(x.shape, np.inf)
    gaps[stays] = np.maximum(surface.height(x[stays], y[stays]) - surface.lowest, SMALLEST_GAP)
    best = int(np.log10(gaps).mean(axis=1).argmin())
    return Run(name, LEARNING_RATES[best], visited[best], gaps[best])


@cache
def race(surface: Surface) -> tuple[Run, ...]:
    """Return how every optimizer went on a surface."""
    return tuple(best_run(name, racer, surface) for name, racer in racers().items())
