"""Numbers to compute with: ordinary ones, large ones, any bits, the edges."""

from __future__ import annotations

import numpy as np

from fuzz.choices import Choices
from fuzz.memory import BFLOAT16
from samples import edges

FLOATS = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16), BFLOAT16]
INTEGERS = [np.dtype(code) for code in "bBhHiIlLqQ"]
KINDS = ["ordinary", "ordinary", "large", "bits", "edges", "whole", "special"]

_EDGES = {dtype: edges(dtype.type).astype(np.float64) for dtype in FLOATS[:2]}


def is_half(dtype: np.dtype) -> bool:
    return dtype.itemsize == 2 and dtype.kind not in "iu"


def computing(dtype: np.dtype) -> np.dtype:
    """Return the type that a storage type computes in."""
    return np.dtype(np.float32) if is_half(dtype) else dtype


def reals(choices: Choices, shape: tuple[int, ...], dtype: np.dtype, kinds: list[str] = KINDS) -> np.ndarray:
    """Return numbers of one kind."""
    random, kind = choices.numbers(), choices.among(kinds)
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == "bits":
            raw = random.integers(0, 256, (*shape, dtype.itemsize), np.uint8)
            return raw.view(dtype)[..., 0]
        if kind == "edges":
            return random.choice(_EDGES[computing(dtype)], shape).astype(dtype)
        if kind == "large":
            return (random.uniform(-1, 1, shape) * (800 if dtype == np.float64 else 120)).astype(dtype)
        if kind == "whole":
            return random.integers(-6, 7, shape).astype(dtype)
        numbers = np.asarray(random.normal(scale=2, size=shape))
        if kind == "special":
            mask = random.random(shape) < 0.1
            numbers = np.where(mask, random.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], shape), numbers)
        return numbers.astype(dtype)


def integers(choices: Choices, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return small integers, or, rarely, any."""
    random = choices.numbers()
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    if choices.rarely():
        raw = random.integers(0, 256, (*shape, dtype.itemsize), np.uint8)
        return raw.view(dtype)[..., 0]
    return random.integers(0 if dtype.kind == "u" else -6, 7, shape).astype(dtype)
