"""Measured error of every activation across the range, beside that of npfuse.reference."""

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
from npfuse import _native, reference
from npfuse.gallery.activations import derivative, parameters_of, title_of
from npfuse.gallery.picture import Picture
from npfuse.gallery.style import BLUE, ORANGE, new_figure

Array = NDArray[Any]

SMALLEST, LARGEST = 1e-4, 1e3
"""Of the magnitudes that are drawn."""
BINS = 240
"""On each side of zero; of each the largest error is drawn."""
NUMBERS_IN_A_BIN = 80
CAP = 1e8
"""The top of the axis: there is not a digit left long before."""

CAPTION = (
    "The largest error in each of many narrow intervals, in units in the last place of a float32 (ULP), of our float32 "
    "kernel and of the textbook formula in NumPy; the truth is our float64 kernel, which is held to mpmath. "
    "Where a derivative crosses zero a relative error says little; ours is within 2⁻²⁴ absolute there."
)


def numbers() -> Array:
    """Return float32 numbers, evenly spread over the logarithms of both signs, one row to a bin."""
    exponents = np.linspace(np.log10(SMALLEST), np.log10(LARGEST), BINS * NUMBERS_IN_A_BIN)
    positive = (10**exponents).astype(np.float32).reshape(BINS, NUMBERS_IN_A_BIN)
    return np.concatenate([-positive[::-1], positive])


def error_in_ulp(result: Array, truth: Array) -> Array:
    """Return how far float32 results are off, in units in the last place of the truth; NaN is infinitely far."""
    unit = np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
    error = np.abs(result.astype(np.float64) - truth) / unit
    return np.where(np.isnan(error), np.inf, error)


def first(results: Any) -> Array:
    """Return the result, of several the one by x."""
    array: Array = results[0] if isinstance(results, tuple) else results
    return array


def measured(name: str, direction: str) -> tuple[Array, Array, Array]:
    """Return where the bins are, our largest error in each and the reference formula's."""
    x = numbers()
    # A parameter is rounded to float32 before it meets float32 numbers: the truth is that of the rounded one.
    parameters = [float(np.float32(parameter)) for parameter in parameters_of(name)]
    formula = getattr(reference, name if direction == "function" else f"{name}_backward")

    def ours(x: Array) -> Array:
        result: Array = (
            getattr(nf, name)(x, *parameters) if direction == "function" else derivative(name, x, parameters)
        )
        return result

    with np.errstate(all="ignore"):
        theirs = formula(x, *parameters) if direction == "function" else formula(np.ones_like(x), x, *parameters)
        truth = ours(x.astype(np.float64))
        errors = [error_in_ulp(result, truth).max(axis=1) for result in (ours(x), first(theirs).astype(np.float32))]
    return x.mean(axis=1), errors[0], errors[1]


def draw(name: str, direction: str, axes: Axes) -> None:
    """Draw the error of an activation or of its derivative over the range."""
    x, ours, numpys = measured(name, direction)
    axes.fill_between(x, np.minimum(numpys, CAP), color=ORANGE, alpha=0.35, linewidth=0)
    axes.plot(x, np.minimum(numpys, CAP), color=ORANGE, linewidth=1, label="textbook formula in NumPy")
    axes.plot(x, np.minimum(ours, CAP), color=BLUE, linewidth=1.2, label="npfuse")
    axes.axhline(1, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_xscale("symlog", linthresh=SMALLEST, linscale=0.3)
    axes.set_yscale("symlog", linthresh=1, linscale=0.8)
    axes.set_xlim(-LARGEST, LARGEST)
    axes.set_ylim(-0.15, CAP)
    axes.set_xticks([-100, -1, -0.01, 0, 0.01, 1, 100], ["−100", "−1", "−0.01", "0", "0.01", "1", "100"])
    axes.set_yticks([0, 1, 1e2, 1e4, 1e6, 1e8], ["0", "1", "100", "10⁴", "10⁶", "10⁸"])
    axes.minorticks_off()


def draw_one(name: str) -> Figure:
    """Draw the errors of one activation and of its derivative."""
    figure = new_figure(8, 3.4)
    figure.suptitle(title_of(name))
    for i, direction in enumerate(["function", "derivative"]):
        axes = figure.add_subplot(1, 2, i + 1, title=direction, xlabel="x", ylabel="largest error in ULP")
        draw(name, direction, axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_all(direction: str) -> Figure:
    """Draw the errors of all activations, or of all derivatives, on one page."""
    names = _native.operations["activations"]
    columns = 5
    figure = new_figure(2.7 * columns, 1.9 * ceil(len(names) / columns))
    for i, name in enumerate(names):
        axes = figure.add_subplot(ceil(len(names) / columns), columns, i + 1, title=name)
        draw(name, direction, axes)
        axes.tick_params(labelsize=6)
    figure.suptitle(f"Largest error in ULP of every {DIRECTIONS[direction]}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


DIRECTIONS: dict[str, str] = {"function": "activation", "derivative": "activation's derivative"}
PAGES: dict[str, Callable[[], Figure]] = {
    "all": partial(draw_all, "function"),
    "all_derivatives": partial(draw_all, "derivative"),
}


def pictures() -> Iterator[Picture]:
    """Yield the pages of all activations and a picture of each."""
    for page, draw_page in PAGES.items():
        yield Picture(f"accuracy/{page}.png", CAPTION, draw_page)
    for name in _native.operations["activations"]:
        yield Picture(f"accuracy/{name}.png", CAPTION, partial(draw_one, name))
