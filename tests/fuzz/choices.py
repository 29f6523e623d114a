"""What decides a case: numbers below a bound, one after the other."""

import random
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")


class Choices:
    """A sequence of choices. The first option of every choice is the simplest, for shrinking."""

    def below(self, bound: int) -> int:
        """Return a number from 0 to bound - 1."""
        raise NotImplementedError

    def among(self, options: Sequence[Item]) -> Item:
        return options[self.below(len(options))]

    def rarely(self, one_in: int = 8) -> bool:
        return self.below(one_in) == one_in - 1

    def numbers(self) -> np.random.Generator:
        """Return a generator for what is not worth shrinking: the elements of arrays."""
        return np.random.default_rng(self.below(2**16))


class Seeded(Choices):
    """Choices of a pseudo-random generator, recorded."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.record: list[int] = []

    def below(self, bound: int) -> int:
        choice = int(self._random.random() * bound)
        self.record.append(choice)
        return choice


class Replayed(Choices):
    """Choices that were made before; the simplest where there are no more."""

    def __init__(self, record: Sequence[int]) -> None:
        self._given = iter(record)
        self.record: list[int] = []

    def below(self, bound: int) -> int:
        choice = min(next(self._given, 0), bound - 1)
        self.record.append(choice)
        return choice


class Drawn(Choices):
    """Choices of hypothesis, which shrinks them."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def below(self, bound: int) -> int:
        from hypothesis import strategies

        return self._draw(strategies.integers(0, bound - 1))
