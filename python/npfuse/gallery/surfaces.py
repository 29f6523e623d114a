"""The hills that the optimizers race down: functions of two numbers, with gradients, starts and minima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Surface:
    """A function of x and y."""

    name: str
    why: str
    """What it is hard for."""
    height: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], tuple[Array, Array]]
    start: tuple[float, float]
    minima: tuple[tuple[float, float], ...]
    view: tuple[float, float, float, float]
    """Left, right, bottom, top."""
    steps: int
    """How long the race is."""

    @property
    def lowest(self) -> float:
        """The height of the minima."""
        return float(self.height(*map(np.array, self.minima[0])))

    def shows(self, x: Array, y: Array) -> NDArray[np.bool_]:
        """Say which points are in the view."""
        left, right, bottom, top = self.view
        inside: NDArray[np.bool_] = (left <= x) & (x <= right) & (bottom <= y) & (y <= top)
        return inside

    def grid(self, points: int) -> tuple[Array, Array, Array]:
        """Return x, y and heights over the view."""
        left, right, bottom, top = self.view
        x, y = np.meshgrid(np.linspace(left, right, points), np.linspace(bottom, top, points))
        return x, y, self.height(x, y)


BEALE_CONSTANTS = (1.5, 2.25, 2.625)


def beale(x: Array, y: Array) -> Array:
    """Return (1.5 - x + x y)² + (2.25 - x + x y²)² + (2.625 - x + x y³)²."""
    terms: list[Array] = [(constant - x + x * y**k) ** 2 for k, constant in enumerate(BEALE_CONSTANTS, 1)]
    return terms[0] + terms[1] + terms[2]


def beale_slope(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the derivatives by x and by y."""
    dx, dy = np.zeros_like(x), np.zeros_like(y)
    for k, constant in enumerate(BEALE_CONSTANTS, 1):
        term = constant - x + x * y**k
        dx += 2 * term * (y**k - 1)
        dy += 2 * term * k * x * y ** (k - 1)
    return dx, dy


SURFACES = (
    Surface(
        "beale",
        "Beale's function: steep walls around a flat valley floor.",
        beale,
        beale_slope,
        start=(0.8, 1.7),
        minima=((3.0, 0.5),),
        view=(-0.7, 4.3, -1.2, 2.3),
        steps=200,
    ),
    Surface(
        "rosenbrock",
        "Rosenbrock's function: a curved valley, a hundred times steeper across than along.",
        lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        lambda x, y: (-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)),
        start=(-1.2, 1.0),
        minima=((1.0, 1.0),),
        view=(-1.9, 1.9, -0.9, 2.4),
        steps=300,
    ),
    Surface(
        "bowl",
        "An ill-conditioned bowl: fifty times steeper across than along, and turned against the coordinates.",
        lambda x, y: (0.5 * (x + y) ** 2 + 25 * (x - y) ** 2) / 2,
        lambda x, y: (0.5 * (x + y) + 25 * (x - y), 0.5 * (x + y) - 25 * (x - y)),
        start=(-1.6, -0.6),
        minima=((0.0, 0.0),),
        view=(-2.0, 1.0, -1.9, 1.1),
        steps=120,
    ),
    Surface(
        "saddle",
        "A saddle between two valleys, started on its ridge, where the gradient hardly points to either.",
        lambda x, y: x**2 / 2 - y**2 / 2 + y**4 / 4,
        lambda x, y: (x, y**3 - y),
        start=(1.5, 1e-4),
        minima=((0.0, 1.0), (0.0, -1.0)),
        view=(-1.4, 1.7, -0.7, 1.7),
        steps=60,
    ),
)
