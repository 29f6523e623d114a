"""Every loss with its gradient, over the predictions and targets that it is meant for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import npfuse as nf
from npfuse.gallery.picture import Picture, summary
from npfuse.gallery.style import COLOURS, THIN_DERIVATIVE, draw_curve, mark_zero, new_figure

Array = NDArray[Any]

POINTS = 1201


@dataclass(frozen=True)
class Sweep:
    """What a loss is drawn over."""

    low: float = -3
    high: float = 3
    horizontal: str = "prediction"
    targets: tuple[float, ...] = (0,)
    parameters: tuple[dict[str, float], ...] = ({},)
    """Each is drawn for each target."""
    rivals: tuple[int, ...] = field(default=())
    """Where predictions come in rows: how many other classes there are, all of them with the score 0."""


SWEEPS = {
    "quantile_loss": Sweep(parameters=({"q": 0.1}, {"q": 0.5}, {"q": 0.9})),
    "hinge_loss": Sweep(horizontal="score", targets=(1, -1)),
    "squared_hinge_loss": Sweep(horizontal="score", targets=(1, -1)),
    "logistic_loss": Sweep(-6, 6, "score", targets=(1, -1)),
    "binary_cross_entropy": Sweep(0.1, 0.9, "probability", targets=(1, 0.5, 0)),
    "sigmoid_cross_entropy": Sweep(-6, 6, "logit", targets=(1, 0.5, 0)),
    "sigmoid_focal_loss": Sweep(-6, 6, "logit", targets=(1, 0)),
    "poisson_nll_loss": Sweep(-2, 2.5, "logarithm of the rate", targets=(0, 2, 6)),
    "gaussian_nll_loss": Sweep(horizontal="mean", parameters=({"var": 0.25}, {"var": 1}, {"var": 4})),
    "kl_div": Sweep(-6, 0, "logarithm of the probability", targets=(0.1, 0.5, 1)),
    "softmax_cross_entropy": Sweep(-6, 6, "logit of the right class", rivals=(1, 9, 999)),
    "nll_loss": Sweep(-6, 0, "logarithm of the right class's probability", rivals=(1,)),
}
"""For losses of a difference, and for those not known yet, the defaults do."""


def each(name: str, predictions: Array, target: Array | float, **parameters: float) -> tuple[Array, Array]:
    """Return the loss of each prediction and its gradient."""
    value, gradient = getattr(nf, name).value_and_grad(predictions, target, reduction="none", **parameters)
    return value, gradient


def curves(name: str) -> Iterator[tuple[str, Array, Array, Array]]:
    """Yield a label, predictions, the loss of each and its gradient."""
    sweep = SWEEPS.get(name, Sweep())
    predictions = np.linspace(sweep.low, sweep.high, POINTS)
    for count in sweep.rivals:
        rows = np.zeros((POINTS, 1 + count))
        rows[:, 0] = predictions
        value, gradient = each(name, rows, np.zeros(POINTS, int))
        yield f"{1 + count} classes" if len(sweep.rivals) > 1 else "", predictions, value, gradient[:, 0]
    if sweep.rivals:
        return
    for target in sweep.targets:
        for parameters in sweep.parameters:
            value, gradient = each(name, predictions, target, **parameters)
            told = {"target": target} if len(sweep.targets) > 1 else parameters
            yield ", ".join(f"{key} = {word:g}" for key, word in told.items()), predictions, value, gradient


def draw(name: str, axes: Axes) -> None:
    """Draw a loss and its gradient."""
    mark_zero(axes)
    for (label, predictions, value, gradient), colour in zip(curves(name), COLOURS, strict=False):
        draw_curve(axes, predictions, value, label=label or "loss", color=colour)
        draw_curve(axes, predictions, gradient, **(THIN_DERIVATIVE | {"color": colour}))
    axes.plot([], [], label="gradient", **THIN_DERIVATIVE)


def draw_one(name: str) -> Figure:
    """Draw one loss."""
    figure = new_figure(5.2, 3.6)
    axes = figure.add_subplot(title=name, xlabel=SWEEPS.get(name, Sweep()).horizontal)
    draw(name, axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def draw_all() -> Figure:
    """Draw every loss on one page."""
    names = nf.losses.__all__
    columns = 5
    figure = new_figure(2.6 * columns, 2.1 * ceil(len(names) / columns))
    for i, name in enumerate(names):
        axes = figure.add_subplot(ceil(len(names) / columns), columns, i + 1, title=name)
        draw(name, axes)
        axes.set_xlabel(SWEEPS.get(name, Sweep()).horizontal, fontsize=7)
        axes.tick_params(labelsize=7)
    figure.suptitle("Every loss (solid) and its gradient (dashed)")
    return figure


def pictures() -> Iterator[Picture]:
    """Yield the page of all losses and a picture of each."""
    yield Picture("losses/all.png", "All of them: losses solid, gradients dashed.", draw_all)
    for name in nf.losses.__all__:
        yield Picture(f"losses/{name}.png", summary(getattr(nf, name)), partial(draw_one, name))
