"""What losses are chosen for: an outlier's influence, the width of Huber's valley, confidence that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import npfuse as nf
from npfuse import reference
from npfuse.gallery.losses import each
from npfuse.gallery.picture import Picture
from npfuse.gallery.style import BLACK, BLUE, COLOURS, GREEN, ORANGE, VERMILLION, draw_curve, mark_zero, new_figure

Array = NDArray[Any]

RESIDUALS = np.linspace(-4, 4, 1601)
ROBUST = {
    "L2": "mse_loss",
    "L1": "l1_loss",
    "Huber": "huber_loss",
    "pseudo-Huber": "pseudo_huber_loss",
    "log-cosh": "log_cosh_loss",
}
SLOPE, OFFSET = 0.5, 1.0
STEPS = 2000


def draw_robust() -> Figure:
    """Draw the losses of a residual, and how hard each residual pulls."""
    figure = new_figure(9, 3.8)
    values = figure.add_subplot(121, title="loss", xlabel="residual", ylim=(-0.2, 6))
    pulls = figure.add_subplot(122, title="gradient: how hard a residual pulls", xlabel="residual", ylim=(-4, 4))
    for axes in (values, pulls):
        mark_zero(axes)
    for (name, loss), colour in zip(ROBUST.items(), COLOURS, strict=False):
        value, gradient = each(loss, RESIDUALS, 0)
        draw_curve(values, RESIDUALS, value, color=colour, label=name)
        draw_curve(pulls, RESIDUALS, gradient, color=colour)
    figure.legend(*values.get_legend_handles_labels(), loc="outside lower center", ncols=len(ROBUST))
    return figure


def points_with_an_outlier() -> tuple[Array, Array]:
    """Return points near a line, the last of them far off."""
    x = np.linspace(0, 10, 11)
    y = SLOPE * x + OFFSET + np.random.default_rng(1).normal(scale=0.3, size=x.size)
    y[-1] += 12
    return x, y


def fitted_line(loss: str, x: Array, y: Array) -> Array:
    """Return slope and offset of the line with the smallest loss, by Adam with a falling learning rate."""
    line = np.zeros(2)
    inputs = np.column_stack([x, np.ones_like(x)])
    optimizer = nf.Adam([line], lr=nf.schedules.cosine(0.1, STEPS))
    for _ in range(STEPS):
        optimizer.step([getattr(nf, loss).grad(inputs @ line, y) @ inputs])
    return line


def draw_outlier() -> Figure:
    """Draw the lines that the losses fit through points of which one is wrong."""
    x, y = points_with_an_outlier()
    figure = new_figure(6.4, 4.2)
    axes = figure.add_subplot(title="One outlier dominates L2", xlabel="x", ylabel="y")
    for i, ((name, loss), colour) in enumerate(zip(ROBUST.items(), COLOURS, strict=False)):
        slope, offset = fitted_line(loss, x, y)
        width = 4 - 0.7 * i  # some lines lie upon each other
        axes.plot(x, slope * x + offset, color=colour, linewidth=width, label=f"{name}: slope {slope:.2f}")
    axes.plot(x, SLOPE * x + OFFSET, color=BLACK, linewidth=1, linestyle=":", label=f"truth: slope {SLOPE:.2f}")
    axes.plot(x[:-1], y[:-1], "o", color=BLACK, markersize=4)
    axes.plot(x[-1], y[-1], "X", color=BLACK, markersize=8)
    axes.annotate("outlier", (x[-1], y[-1]), xytext=(-10, 0), textcoords="offset points", ha="right", va="center")
    axes.legend(loc="upper left")
    return figure


def draw_deltas() -> Figure:
    """Draw Huber's loss and its smooth form for several deltas, divided by delta so that all reach the same slope."""
    figure = new_figure(9, 3.8)
    values = figure.add_subplot(121, title="loss / delta", xlabel="residual", ylim=(-0.1, 3.6))
    pulls = figure.add_subplot(122, title="gradient / delta", xlabel="residual")
    for axes in (values, pulls):
        mark_zero(axes)
    for delta, colour in zip((0.25, 1, 3), COLOURS, strict=False):
        for loss, style in (("huber_loss", "-"), ("pseudo_huber_loss", (0, (2, 1)))):
            value, gradient = each(loss, RESIDUALS, 0, delta=delta)
            how = {"color": colour, "linestyle": style, "label": f"{loss}, delta = {delta:g}"}
            draw_curve(values, RESIDUALS, value / delta, **how)
            draw_curve(pulls, RESIDUALS, gradient / delta, **how)
    values.plot(RESIDUALS, each("l1_loss", RESIDUALS, 0)[0], color="#888888", linewidth=1, label="l1_loss")
    figure.legend(*values.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def draw_confidence() -> Figure:
    """Draw sigmoid cross-entropy against probability, and against the logit as far as float32 goes."""
    logits = np.linspace(-8, 8, 1601)
    probabilities = nf.sigmoid(logits)
    figure = new_figure(12, 3.8)
    values = figure.add_subplot(131, title="loss", xlabel="probability of the class 1", ylim=(-0.1, 5))
    pulls = figure.add_subplot(132, title="gradient by the logit", xlabel="probability of the class 1")
    for target, colour in ((1, BLUE), (0, VERMILLION)):
        value, gradient = each("sigmoid_cross_entropy", logits, target)
        values.plot(probabilities, value, color=colour, label=f"cross-entropy, target {target}")
        pulls.plot(probabilities, gradient, color=colour)
        square, slope = each("mse_loss", probabilities, target)
        how: dict[str, Any] = {"color": colour, "linewidth": 1.1, "linestyle": ":"}
        values.plot(probabilities, square, label=f"squared difference, target {target}", **how)
        pulls.plot(probabilities, nf.sigmoid_backward(slope, logits), **how)
    draw_tail(figure)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    figure.legend(*figure.axes[2].get_legend_handles_labels(), loc="outside lower right", ncols=1)
    return figure


def draw_tail(figure: Figure) -> None:
    """Draw the loss of confidence in float32, beside what the textbook makes of it."""
    axes = figure.add_subplot(133, title="loss in float32, target 0", xlabel="logit", yscale="log", ylim=(1e-46, 1e4))
    axes.set_yticks([1e-45, 1e-30, 1e-15, 1])
    logits = np.linspace(-104, 104, 2001, dtype=np.float32)
    with np.errstate(divide="ignore", over="ignore"):
        naive = -np.log(1 - reference.sigmoid(logits))
    axes.plot(logits, each("sigmoid_cross_entropy", logits, 0)[0], color=GREEN, label="sigmoid_cross_entropy")
    usable = np.where(np.isfinite(naive) & (naive > 0), naive, np.nan)
    label = "−log(1 − sigmoid(logit)): 0 or infinite beyond its ends"
    axes.plot(logits, usable, color=ORANGE, linewidth=3.5, alpha=0.7, label=label)


CAPTIONS = {
    "robust_losses": (
        "Under L2 a residual pulls in proportion to its size; the robust losses limit the pull of a large one.",
        draw_robust,
    ),
    "outlier": (
        "Lines fitted through the same points, one of them wrong, by Adam on each loss and its gradient.",
        draw_outlier,
    ),
    "huber_deltas": (
        "Huber's loss and pseudo-Huber for several deltas: quadratic for residuals below delta, like L1 beyond.",
        draw_deltas,
    ),
    "cross_entropy": (
        "Sigmoid cross-entropy against probability: confidence that is wrong costs without limit, and its gradient "
        "stays, where that of the squared difference vanishes. Right: the textbook's formula in float32 loses the loss "
        "of a sure and right answer and overflows on a wrong one.",
        draw_confidence,
    ),
}


def pictures() -> Iterator[Picture]:
    """Yield the pictures that compare losses."""
    for name, (caption, draw) in CAPTIONS.items():
        yield Picture(f"losses/{name}.png", caption, draw)
