"""A figure that moves, written as a GIF."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from npfuse.gallery.style import COLOURS

MILLISECONDS = 100
LAST_MILLISECONDS = 3000
"""How long a frame is shown, and how long the last."""


SHADES = 7
"""Of each colour, on its way to white: the edges of a line."""
GREYS = 60
"""And white, with nothing near it that could be taken for it."""


def shared_palette() -> Image.Image:
    """Return an image that holds the colours of all frames: those of lines, their shades, and grey."""
    greys = np.append(np.linspace(0, 244, GREYS), 255)[:, None].repeat(3, axis=1)
    lines = 255 * np.array([to_rgb(colour) for colour in COLOURS])
    fading = np.linspace(0, 1, SHADES, endpoint=False)[:, None, None]
    shades = (lines * (1 - fading) + 240 * fading).reshape(-1, 3)
    image = Image.new("P", (1, 1))
    image.putpalette(np.concatenate([greys, shades]).round().astype(np.uint8).ravel().tolist())
    return image


class Animation:
    """A still figure, and for each frame the artists that are drawn upon it."""

    def __init__(self, figure: Figure, show: Callable[[int], Iterable[Artist]], frames: Sequence[int]) -> None:
        self.figure = figure
        self.show = show
        self.frames = frames

    def savefig(self, path: Path, /, *, dpi: int) -> None:
        """Write the GIF."""
        self.figure.set_dpi(dpi)
        canvas: Any = FigureCanvasAgg(self.figure)
        canvas.draw()
        still = canvas.copy_from_bbox(self.figure.bbox)
        images = []
        for frame in self.frames:
            canvas.restore_region(still)
            for artist in self.show(frame):
                artist.draw(canvas.get_renderer())
            images.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
        palette = shared_palette()
        small = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
        durations = [MILLISECONDS] * (len(small) - 1) + [LAST_MILLISECONDS]
        small[0].save(path, save_all=True, append_images=small[1:], duration=durations, loop=0, optimize=True)
