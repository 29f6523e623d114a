"""The loss curves of a training."""

from __future__ import annotations

from pathlib import Path


def draw(path: Path, curves: dict[str, list[float]], title: str) -> bool:
    """Draw the loss curves if matplotlib is there; say whether it was."""
    try:
        from matplotlib import rc_context
    except ImportError:
        return False
    from npfuse.gallery.style import RULES, looks, new_figure

    with rc_context(RULES):
        figure = new_figure(8, 4.5)
        axes = figure.add_subplot(xlabel="epoch", ylabel="training loss", yscale="log", title=title)
        for i, (name, values) in enumerate(curves.items()):
            axes.plot(range(1, len(values) + 1), values, label=name, **looks(i))
        figure.legend(loc="outside right center", handlelength=3.2)
        figure.savefig(path, dpi=150)
    return True
