"""A progress bar for the programs of this package, where tqdm is installed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Sequence[Item], task: str, unit: str) -> Iterable[Item]:
    """Go through the items, with a bar if somebody watches."""
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    bar: Iterable[Item] = tqdm(items, desc=task, unit=unit, leave=False, dynamic_ncols=True, disable=None)
    return bar
