"""The races as pictures: paths on contours, heights over time, the saddle in three dimensions, animations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from npfuse.gallery.animation import Animation
from npfuse.gallery.picture import Picture
from npfuse.gallery.races import RULE, Run, race
from npfuse.gallery.style import BLACK, COLOURS, looks, new_figure
from npfuse.gallery.surfaces import SURFACES, Surface

NARROWEST_CONTOUR, CONTOURS = 0.03, 15
"""Its height above the minimum; how many there are."""
FRAMES = 60
"""In an animation of a race, however many steps it has."""


def draw_ground(surface: Surface, axes: Axes) -> None:
    """Draw contours, each as many times higher than the one before, the start and the minima."""
    x, y, height = surface.grid(241)
    levels = np.geomspace(NARROWEST_CONTOUR, (height - surface.lowest).max(), CONTOURS)
    axes.contourf(x, y, height - surface.lowest, levels=levels, norm="log", cmap="Greys_r", alpha=0.45, extend="min")
    axes.contour(x, y, height - surface.lowest, levels=levels, colors="white", linewidths=0.5)
    axes.plot(*surface.start, "o", color=BLACK, markersize=5, zorder=5)
    for minimum in surface.minima:
        if surface.shows(*map(np.array, minimum)):
            axes.plot(*minimum, "*", color=BLACK, markersize=11, zorder=5)
    axes.set(xlim=surface.view[:2], ylim=surface.view[2:], xlabel="x", ylabel="y")
    axes.grid(visible=False)


def label(run: Run) -> str:
    """Name a racer with its learning rate."""
    return f"{run.name}, lr {run.lr:g}"


def lay_out(surface: Surface, title: str) -> tuple[Figure, Axes, Axes]:
    """Return a figure with the ground, axes for the heights over the steps, and room for the legend."""
    figure = new_figure(11.5, 5)
    figure.suptitle(title)
    ground, heights = figure.subplots(1, 2, width_ratios=[1.15, 1])
    draw_ground(surface, ground)
    heights.set(xlabel="step", ylabel="lowest height above the minimum so far", yscale="log", xlim=(0, surface.steps))
    return figure, ground, heights


def draw_race(surface: Surface) -> Figure:
    """Draw every path on the contours, and every height over the steps."""
    figure, ground, heights = lay_out(surface, surface.why)
    for i, run in enumerate(race(surface)):
        ground.plot(*run.path.T, **looks(i))
        heights.plot(run.lowest_so_far, label=label(run), **looks(i))
    figure.legend(*heights.get_legend_handles_labels(), loc="outside right center", handlelength=3.2)
    return figure


def draw_paths(surface: Surface) -> Figure:
    """Draw each path on contours of its own."""
    runs = race(surface)
    columns = 5
    figure = new_figure(2.5 * columns, 2.2 * ceil(len(runs) / columns))
    figure.suptitle(surface.why)
    for i, run in enumerate(runs):
        axes = figure.add_subplot(ceil(len(runs) / columns), columns, i + 1)
        draw_ground(surface, axes)
        axes.plot(*run.path.T, color=COLOURS[0], linewidth=1.3, marker=".", markersize=2.5)
        axes.set_title(label(run), fontsize=9)
        axes.set(xlabel="", ylabel="", xticks=[], yticks=[])
    return figure


def draw_in_three_dimensions(surface: Surface) -> Figure:
    """Draw the surface as a landscape with the paths on it."""
    figure = new_figure(8.6, 5.6)
    axes: Any = figure.add_subplot(projection="3d", computed_zorder=False, xlabel="x", ylabel="y", zlabel="height")
    x, y = np.meshgrid(np.linspace(-1.6, 1.6, 81), np.linspace(-1.55, 1.55, 81))
    axes.plot_surface(x, y, surface.height(x, y), cmap="Greys_r", alpha=0.6, linewidth=0, rcount=80, ccount=80)
    axes.contour(x, y, surface.height(x, y), levels=CONTOURS, colors="white", linewidths=0.5)
    for i, run in enumerate(race(surface)):
        axes.plot(*run.path.T, surface.height(*run.path.T), label=label(run), zorder=5, **looks(i))
    axes.view_init(elev=42, azim=40)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", handlelength=3.2)
    return figure


def animate(surface: Surface) -> Animation:
    """Let the racers run."""
    figure, ground, heights = lay_out(surface, surface.name)
    runs = race(surface)
    heights.set_ylim(min(run.gap.min() for run in runs) / 2, max(run.gap.max() for run in runs) * 2)
    lines: list[tuple[Run, Line2D, Line2D, Line2D]] = []
    for i, run in enumerate(runs):
        how = {**looks(i), "linewidth": 1.3}
        (path,) = ground.plot([], [], **how)
        (place,) = ground.plot([], [], "o", color=how["color"], markeredgecolor="white", markersize=7)
        (height,) = heights.plot([], [], label=label(run), **how)
        lines.append((run, path, place, height))
    figure.legend(*heights.get_legend_handles_labels(), loc="outside right center", handlelength=3.2)

    def show(step: int) -> Iterator[Line2D]:
        for run, path, place, height in lines:
            path.set_data(run.path[: step + 1, 0], run.path[: step + 1, 1])
            place.set_data(run.path[step : step + 1, 0], run.path[step : step + 1, 1])
            height.set_data(range(step + 1), run.lowest_so_far[: step + 1])
            yield from (path, place, height)

    return Animation(figure, show, [int(step) for step in np.linspace(0, surface.steps, FRAMES)])


def pictures() -> Iterator[Picture]:
    """Yield for each surface the race, the single paths and the animation."""
    for surface in SURFACES:
        caption = f"{surface.why} {RULE}"
        yield Picture(f"optimizers/{surface.name}.png", caption, partial(draw_race, surface))
        yield Picture(f"optimizers/{surface.name}.gif", caption, partial(animate, surface))
        yield Picture(f"optimizers/{surface.name}_paths.png", caption, partial(draw_paths, surface))
        if len(surface.minima) > 1:
            caption = f"The saddle as a landscape, with the paths of the race on it. {RULE}"
            yield Picture(f"optimizers/{surface.name}_3d.png", caption, partial(draw_in_three_dimensions, surface))
