"""What the gallery hangs: a drawing under a name, and what is to be said of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Drawing(Protocol):
    """What can be written to a file: a figure of matplotlib, or an animation."""

    def savefig(self, path: Path, /, *, dpi: int) -> object:
        """Write the file."""


@dataclass(frozen=True)
class Picture:
    """One file of the gallery."""

    name: str
    """Its section and its file: "activations/gelu.png"."""
    caption: str
    draw: Callable[[], Drawing]

    @property
    def section(self) -> str:
        """The part of the gallery in which it hangs."""
        return self.name.split("/")[0]


def summary(function: Any) -> str:
    """Return the sentence with which an operation's documentation begins, and its formula."""
    text = inspect.getdoc(function) or ""
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    sentence = paragraphs[1] if paragraphs[0].startswith(f"{function.__name__}(") else paragraphs[0]
    notes = [paragraph.removeprefix("Notes ----- ") for paragraph in paragraphs if paragraph.startswith("Notes ")]
    return " ".join([sentence, *notes])
