"""What a case is, and what must hold of every call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import npfuse as nf
from fuzz.bounds import Expected
from fuzz.choices import Choices
from fuzz.memory import BFLOAT16, Memory

Arguments = dict[str, Any]
Truth = Callable[[list[np.ndarray], Arguments], Iterable[Expected]]


class Wrong(AssertionError):
    """A call that does not do what it must; the message is a program to paste."""


@dataclass
class Case:
    """One call."""

    name: str
    function: Callable[..., Any]
    memory: Memory
    arguments: Arguments
    """In order, by their names."""
    truth: Truth | None = None
    """What contiguous arguments must give."""
    written: tuple[str, ...] = ("out",)
    """The arguments that may be written."""
    positional: int = 0
    """How many of the arguments are given by position; ufuncs name none."""
    roles: dict[str, str] = field(default_factory=dict)
    """What kind of thing an argument is, for `spoiling`."""
    spoilt: tuple[str, str] = ("", "")
    """Which argument has been made bad, and how."""

    def call(self, arguments: Arguments) -> Any:
        values = list(arguments.values())
        names = list(arguments)[self.positional :]
        keywords = dict(zip(names, values[self.positional :], strict=True))
        return self.function(*values[: self.positional], **keywords)

    def verify(self) -> None:
        """Call, and call again with contiguous copies: the same bits, close to the truth, nothing else written."""
        twin = contiguous(self.arguments)
        self.memory.freeze()
        try:
            with np.errstate(all="ignore"):
                results = flat(self.call(self.arguments))
        except Exception as error:
            raise Wrong(self.snippet(f"raised {type(error).__name__}: {error}")) from error
        if self.memory.changed([array for name in self.written for _, array in arrays_in(self.arguments.get(name))]):
            raise Wrong(self.snippet("wrote to an input, or beyond the elements of an output"))
        for _, out in arrays_in(self.arguments.get("out")):
            if not any(result is out for result in results):
                raise Wrong(self.snippet("did not return out"))
        with np.errstate(all="ignore"):
            expected = flat(self.call(twin))
        for number, (one, other) in enumerate(zip(results, expected, strict=True)):
            if bits(one) != bits(other):
                raise Wrong(self.snippet(f"result {number} differs from that of contiguous arguments:\n{one}\n{other}"))
        if self.truth is not None:
            with np.errstate(all="ignore"):
                self._compare(self.truth(expected, twin))

    def _compare(self, truths: Iterable[Expected]) -> None:
        for number, truth in enumerate(truths):
            wrong = truth.wrong()
            if wrong.any():
                where = np.unravel_index(np.argmax(wrong), wrong.shape)
                result, exact, allowed = (
                    np.broadcast_to(part, wrong.shape)[where] for part in (truth.result, truth.exact, truth.allowed)
                )
                place = f"[{', '.join(map(str, where))}]" if where else ""
                raise Wrong(
                    self.snippet(
                        f"expectation {number}: result{place} is {result!r}, not {exact!r} (within {allowed!r}); "
                        f"{wrong.sum()} of {wrong.size} wrong"
                    )
                )

    def snippet(self, problem: str) -> str:
        """Return a program that repeats the call, and what is wrong with it."""
        lines = [f"{self.name} {problem}", "", "import ml_dtypes", "import numpy as np", "import npfuse as nf"]
        lines.append(f"nf.set_num_threads({nf.get_num_threads()})")
        lines.append(self.memory.definitions(list(arrays_in(self.arguments))))
        if self._is_scenario:
            lines.append(inspect.getsource(self.function))
        given = [
            expression(value, name) if i < self.positional else f"{name}={expression(value, name)}"
            for i, (name, value) in enumerate(self.arguments.items())
        ]
        lines.append(f"print({self.called}({', '.join(given)}))")
        return "\n".join(lines)

    @property
    def _is_scenario(self) -> bool:
        """Whether the function is one of this package, that makes several calls."""
        return str(getattr(self.function, "__module__", "")).startswith("fuzz.")

    @property
    def called(self) -> str:
        return self.function.__name__ if self._is_scenario else f"nf.{self.name}"


@dataclass
class Operation:
    """A public function, class or method, and how to draw a call of it."""

    name: str
    draw: Callable[[Choices], Case]


def contiguous(value: Any) -> Any:
    """Return the same with a copy in place of each array: contiguous, aligned, of the machine's byte order.

    No two of them share memory, whatever the arrays did.
    """
    if isinstance(value, np.ndarray):
        copy = np.empty(value.shape, native(value.dtype))
        copy[...] = value
        return copy
    if isinstance(value, dict):
        return {key: contiguous(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(contiguous(part) for part in value)
    return value


def native(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def bits(array: np.ndarray) -> tuple[Any, ...]:
    """Return what must be the same for every layout. Every NaN counts as the same one."""
    array = array.astype(native(array.dtype))
    if array.dtype.kind == "f" or array.dtype == BFLOAT16:
        with np.errstate(invalid="ignore"):
            array[np.isnan(array)] = np.nan
    return array.shape, array.dtype, array.tobytes()


def flat(results: Any) -> list[np.ndarray]:
    """Return all results as arrays."""
    if isinstance(results, (tuple, list)):
        return [array for result in results for array in flat(result)]
    return [results if isinstance(results, np.ndarray) else np.asarray(results)]


def arrays_in(value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield all arrays, however deep, and a name for each."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from arrays_in(part, f"{name}_{key}".strip("_"))
    elif isinstance(value, (list, tuple)):
        for key, part in enumerate(value):
            yield from arrays_in(part, f"{name}_{key}")


def expression(value: Any, name: str) -> str:
    """Return Python for a value, arrays by their names in `arrays_in`."""
    if isinstance(value, np.ndarray):
        return name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {expression(v, f'{name}_{k}')}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(expression(part, f"{name}_{key}") for key, part in enumerate(value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner},)"
    if isinstance(value, np.generic):
        kind = "ml_dtypes.bfloat16" if value.dtype == BFLOAT16 else f"np.{value.dtype.name}"
        return f"{kind}({value.item()!r})".replace("(nan", "(np.nan").replace("inf)", "np.inf)")
    if isinstance(value, np.dtype):
        return "ml_dtypes.bfloat16" if value == BFLOAT16 else f"np.{value.name}"
    if callable(value):
        return f"nf.{value.__name__}"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    return repr(value)
