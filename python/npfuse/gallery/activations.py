"""Every activation with its derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import npfuse as nf
from npfuse import _native
from npfuse.gallery.picture import Picture, summary
from npfuse.gallery.style import COLOURS, DERIVATIVE, FUNCTION, THIN_DERIVATIVE, draw_curve, mark_zero, new_figure

Array = NDArray[Any]

NARROW, WIDE = np.linspace(-5, 5, 2001), np.linspace(-8, 8, 3201)
OTHER_SCORES = (1.0, -1.0)
"""What the score x competes with in a row."""
PIECES = ((-1.0, -2.0), (0.25, 0.0), (1.5, -1.5))
"""Slopes and offsets of the lines of which maxout takes the largest."""


def parameters_of(name: str) -> list[float]:
    """Return an activation's parameters at their defaults."""
    return list(_native.activation_parameters[name].values())


def derivative(name: str, x: Array, parameters: list[float]) -> Array:
    """Return an activation's derivative; of several gradients that by x."""
    gradients = getattr(nf, f"{name}_backward")(np.ones_like(x), x, *parameters)
    slope: Array = gradients[0] if isinstance(gradients, tuple) else gradients
    return slope


def draw_elementwise(name: str, axes: Axes) -> None:
    """Draw an activation and its derivative, as far out as the last bend."""
    parameters = parameters_of(name)
    near, far = (derivative(name, x[[0, -1]], parameters) for x in (NARROW, WIDE))
    x = NARROW if np.allclose(near, far, atol=0.1) else WIDE
    mark_zero(axes)
    draw_curve(axes, x, getattr(nf, name)(x, *parameters), label="function", **FUNCTION)
    draw_curve(axes, x, derivative(name, x, parameters), label="derivative", **DERIVATIVE)


def draw_gated(name: str, axes: Axes) -> None:
    """Draw a gated unit over its gate, for a few inputs; the derivative by the gate is the dashed line."""
    mark_zero(axes)
    for x, colour in zip((-1.0, 0.5, 2.0), COLOURS, strict=False):
        inputs = np.full_like(NARROW, x)
        draw_curve(axes, NARROW, getattr(nf, name)(NARROW, inputs), label=f"x = {x:g}", color=colour)
        by_gate, _ = getattr(nf, f"{name}_backward")(np.ones_like(NARROW), NARROW, inputs)
        draw_curve(axes, NARROW, by_gate, **(THIN_DERIVATIVE | {"color": colour}))
    axes.plot([], [], label="derivative by the gate", **THIN_DERIVATIVE)


def draw_row(name: str, axes: Axes) -> None:
    """Draw what an operation along a row gives for each score, over the first; its derivative by that is dashed."""
    mark_zero(axes)
    rows = np.column_stack([NARROW, *(np.full_like(NARROW, score) for score in OTHER_SCORES)])
    y = getattr(nf, name)(rows)
    backward = getattr(nf, f"{name}_backward")
    if y.ndim == 1:
        draw_curve(axes, NARROW, y, label="function", **FUNCTION)
        draw_curve(axes, NARROW, backward(np.ones_like(y), rows)[:, 0], label="derivative by x", **DERIVATIVE)
        return
    scores = ("x", *(f"{score:g}" for score in OTHER_SCORES))
    for i, (score, colour) in enumerate(zip(scores, COLOURS, strict=False)):
        only_this = np.zeros_like(y)
        only_this[:, i] = 1
        draw_curve(axes, NARROW, y[:, i], label=f"of {score}", color=colour)
        draw_curve(axes, NARROW, backward(only_this, y)[:, 0], **(THIN_DERIVATIVE | {"color": colour}))
    axes.plot([], [], label="derivative by x", **THIN_DERIVATIVE)


def draw_maxout(axes: Axes) -> None:
    """Draw the largest of a few straight lines of x, and its derivative."""
    slopes, offsets = np.array(PIECES).T
    lines = np.multiply.outer(NARROW, slopes) + offsets
    largest, winner = nf.maxout(lines, len(slopes), return_index=True)
    gradient = nf.maxout_backward(np.ones_like(largest), winner, len(slopes))
    mark_zero(axes)
    axes.plot(NARROW, lines, color="#999999", linewidth=0.9, label=["pieces", *["_"] * (len(slopes) - 1)])
    draw_curve(axes, NARROW, largest[:, 0], label="largest", **FUNCTION)
    draw_curve(axes, NARROW, gradient @ slopes, label="derivative", **DERIVATIVE)


PARTS: dict[str, Callable[[str, Axes], None]] = {
    "activations": draw_elementwise,
    "gated": draw_gated,
    "rows": draw_row,
}
"""How the operations of each part of the registry are drawn."""

HORIZONTAL = {"activations": "x", "gated": "gate", "rows": "x"}


def drawings() -> dict[str, tuple[Callable[[Axes], None], str, str]]:
    """Return for each operation how it is drawn into given axes, over what, and what is to be said."""
    found: dict[str, tuple[Callable[[Axes], None], str, str]] = {}
    for part, names in _native.operations.items():
        for name in names:
            found[name] = (partial(PARTS[part], name), HORIZONTAL[part], caption_of(part, name))
    found["maxout"] = (draw_maxout, "x", summary(nf.maxout))
    return found


def caption_of(part: str, name: str) -> str:
    """Return what an operation says of itself, and what the lines are where that is not plain."""
    text = summary(getattr(nf, name))
    if part == "gated":
        return f"{text} Over the gate, for three inputs x."
    if part == "rows":
        others = " and ".join(f"{score:g}" for score in OTHER_SCORES)
        return f"{text} Of a row of the scores x, {others}."
    return text


def title_of(name: str) -> str:
    """Name an operation with its parameters, if it has any."""
    parameters = _native.activation_parameters.get(name)
    return f"{name}({', '.join(f'{key}={value:.4g}' for key, value in parameters.items())})" if parameters else name


def draw_one(name: str) -> Figure:
    """Draw one operation."""
    draw, horizontal, _ = drawings()[name]
    figure = new_figure(5.2, 3.6)
    axes = figure.add_subplot(title=title_of(name), xlabel=horizontal)
    draw(axes)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def draw_all() -> Figure:
    """Draw every operation on one page."""
    everything = drawings()
    columns = 6
    figure = new_figure(2.3 * columns, 2 * ceil(len(everything) / columns))
    for i, (name, (draw, _, _)) in enumerate(everything.items()):
        axes = figure.add_subplot(ceil(len(everything) / columns), columns, i + 1, title=name)
        draw(axes)
        axes.tick_params(labelsize=7)
    figure.suptitle("Every activation (solid) and its derivative (dashed)")
    return figure


def pictures() -> Iterator[Picture]:
    """Yield the page of all activations and a picture of each."""
    yield Picture("activations/all.png", "All of them: functions solid, derivatives dashed.", draw_all)
    for name, (_, _, caption) in drawings().items():
        yield Picture(f"activations/{name}.png", caption, partial(draw_one, name))
