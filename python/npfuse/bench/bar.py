"""What the library promises, in numbers: a value and the limit it must keep."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bar:
    """A measured value and the limit it must keep."""

    what: str
    measured: float
    limit: float
    unit: str = "×"
    at_least: bool = False
    all_measured: Mapping[str, float] = field(default_factory=dict)
    """Where the value is the worst of many, each by name."""

    @property
    def kept(self) -> bool:
        """Tell whether the promise is kept."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        """Return a line of the report."""
        verdict = "kept" if self.kept else "BROKEN"
        sign = "≥" if self.at_least else "≤"
        return f"{verdict:8}{self.what}: {self.measured:.3g} {self.unit} ({sign} {self.limit:g})"


def worst(
    what: str, measured: Mapping[str, float], limit: float, unit: str = "×", at_least: bool = False
) -> Iterator[Bar]:
    """Yield a bar for the worst of those measured, if any: it speaks for all."""
    if not measured:
        return
    name = (min if at_least else max)(measured, key=measured.__getitem__)
    broken = sum(not Bar(what, value, limit, unit, at_least).kept for value in measured.values())
    of_all = f" ({broken} of {len(measured)} beyond)" if broken else f" (of {len(measured)})"
    yield Bar(f"{what}, worst {name}{of_all}", measured[name], limit, unit, at_least, measured)


def geometric_mean(ratios: Iterable[float]) -> float:
    """Return the mean that treats twice as fast and half as fast alike."""
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logarithms) / len(logarithms))
