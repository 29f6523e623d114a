"""How every picture looks: one set of colours, which the colour-blind tell apart, and one set of rules for the axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#222222",
)
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Those of Okabe and Ito (2008), less the yellow, which is too pale for a line on white."""

DASHES: tuple[Any, ...] = ("-", (0, (3, 1.2)), (0, (1, 1)))

FUNCTION: dict[str, Any] = {"color": BLUE}
DERIVATIVE: dict[str, Any] = {"color": VERMILLION, "linestyle": (0, (4, 1.5))}
THIN_DERIVATIVE: dict[str, Any] = DERIVATIVE | {"color": "#555555", "linewidth": 1.2}
"""Of one function of several, in whose colour it is drawn."""

RULES: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.9,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.titlesize": 12,
    "figure.facecolor": "white",
}

JUMP = 0.1
"""Neighbouring points of a curve that are further apart, and were not just before, are not joined."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that finds room for its own titles and legends."""
    return Figure(figsize=(width, height), layout="constrained")


def looks(number: int) -> dict[str, Any]:
    """Return colour and dashes of one of many lines: no other up to three times the colours has them."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number // len(COLOURS)], "linewidth": 1.5}


def draw_curve(axes: Axes, x: NDArray[Any], y: NDArray[Any], **how: Any) -> None:
    """Draw y over x, with a gap where y jumps."""
    steps = np.abs(np.diff(y))
    jumps = np.flatnonzero(steps > JUMP + 4 * np.minimum(np.roll(steps, 1), np.roll(steps, -1)))
    axes.plot(np.insert(x, jumps + 1, np.nan), np.insert(y, jumps + 1, np.nan), **how)


def mark_zero(axes: Axes) -> None:
    """Let the axes through the origin stand out from the grid."""
    axes.axhline(0, color="#aaaaaa", linewidth=0.8, zorder=1)
    axes.axvline(0, color="#aaaaaa", linewidth=0.8, zorder=1)
