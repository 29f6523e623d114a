"""All pictures of the gallery, in the order in which they hang."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from npfuse.gallery import accuracy, activations, losses, robust, tracks
from npfuse.gallery.picture import Picture

SECTIONS = (activations, accuracy, losses, robust, tracks)


def pictures() -> list[Picture]:
    """Return all pictures."""
    return list(chain.from_iterable(section.pictures() for section in SECTIONS))


def choose(words: Sequence[str] | None) -> list[Picture]:
    """Return the pictures whose name contains one of the words; end with what there is if none does."""
    everything = pictures()
    chosen = [picture for picture in everything if any(word in picture.name for word in words or [""])]
    if not chosen:
        names = ", ".join(picture.name for picture in everything)
        raise SystemExit(f"--only: no picture's name contains {' or '.join(words or [])}; there are {names}")
    return chosen
