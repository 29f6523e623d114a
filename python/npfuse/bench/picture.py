"""One chart of a run: for each operation how many times our time the best peer takes."""

from collections.abc import Sequence
from pathlib import Path

from npfuse.bench.bar import geometric_mean
from npfuse.bench.report import Result

AT_LEAST = 10_000
"""Shorter arrays measure calls, not operations."""

PANELS = (("activations",), ("gated", "rows", "bias"), ("losses", "optimizers", "norms"))


def ratios(results: Sequence[Result], families: Sequence[str]) -> dict[str, float]:
    """Return the geometric mean over the sizes of each operation, best last."""
    found: dict[str, list[float]] = {}
    for result in results:
        if result.family in families and result.numbers >= AT_LEAST and result.ratio is not None:
            found.setdefault(result.operation, []).append(result.ratio)
    means = {name: geometric_mean(values) for name, values in found.items()}
    return dict(sorted(means.items(), key=lambda item: item[1]))


def draw(results: Sequence[Result], target: Path) -> None:
    """Draw a bar for each operation, green where we are ahead."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import NullFormatter
    except ImportError:
        raise SystemExit("--picture needs matplotlib: python -m pip install matplotlib") from None

    panels = [panel for panel in (ratios(results, families) for families in PANELS) if panel]
    if not panels:
        raise SystemExit("--picture: no operation that was run has a peer")
    figure = Figure(figsize=(5.5 * len(panels), 1.6 + 0.22 * max(map(len, panels))), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        colours = ["tab:green" if ratio >= 1 else "tab:red" for ratio in panel.values()]
        bars = axes.barh(list(panel), [ratio - 1 for ratio in panel.values()], left=1, color=colours)
        axes.bar_label(bars, [f"{ratio:.2g} ×" for ratio in panel.values()], padding=3, fontsize=8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.axvline(1, color="black", linewidth=1)
        axes.margins(x=0.15, y=0.01)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("How many times npfuse's time the best peer takes")
    figure.supxlabel(f"geometric mean over what was run from {AT_LEAST:,} numbers on; 1 is as fast", fontsize=8)
    figure.savefig(target, dpi=150)
