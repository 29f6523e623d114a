"""Bad input: a good call with one argument spoiled, which must be refused by name before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import npfuse as nf
from fuzz.cases import Arguments, Case, Wrong, contiguous, flat
from fuzz.choices import Choices
from npfuse import _native

REFUSALS = (TypeError, ValueError, IndexError)
LEAKED = ("C++", "pybind11", "incompatible function arguments", "<class")
"""What no user should read."""

NOT_APPLICABLE = object()


def constant(bad: Any) -> Callable[[Any, Case], Any]:
    return lambda value, case: bad


def of_dtype(dtype: Any) -> Callable[[Any, Case], Any]:
    """An array of another dtype; every one will do where the caller asks for unsafe casts."""

    def spoil(value: Any, case: Case) -> Any:
        return NOT_APPLICABLE if "casting" in case.arguments else np.zeros(np.shape(value), dtype)

    return spoil


def longer(value: Any, case: Case) -> Any:
    """An operand that does not broadcast with the first."""
    first = next(iter(case.arguments.values()))
    if value is first or not np.shape(value) or not np.shape(first) or np.shape(first)[-1] < 2:
        return NOT_APPLICABLE
    return np.ones((*np.shape(value)[:-1], np.shape(first)[-1] + 1), value.dtype)


def each(change: Callable[[np.ndarray], Any]) -> Callable[[Any, Case], Any]:
    """Spoil one array, or the last of a tuple."""

    def spoil(value: Any, case: Case) -> Any:
        if isinstance(value, (tuple, list)):
            return (*value[:-1], change(value[-1])) if value else NOT_APPLICABLE
        return change(value) if isinstance(value, np.ndarray) else NOT_APPLICABLE

    return spoil


def read_only(array: np.ndarray) -> np.ndarray:
    view = array[...]
    view.flags.writeable = False
    return view


def another_shape(array: np.ndarray) -> Any:
    """An array of a shape that nothing broadcasts to."""
    if array.ndim == 0 or array.shape[-1] < 2:
        return NOT_APPLICABLE
    return np.zeros((*array.shape[:-1], array.shape[-1] + 1), array.dtype)


def last(change: Callable[[np.ndarray, Case], Any]) -> Callable[[Any, Case], Any]:
    """Spoil the last array of a list of arrays, or of the only list in a list of lists."""

    def spoil(value: Any, case: Case) -> Any:
        if isinstance(value, np.ndarray):
            return change(value, case)
        if not value:
            return NOT_APPLICABLE
        *others, final = value
        spoiled = spoil(final, case)
        return spoiled if spoiled is NOT_APPLICABLE else [*([] if isinstance(final, list) else others), spoiled]

    return spoil


def its_parameter(gradient: np.ndarray, case: Case) -> Any:
    """A gradient that overlaps the parameter without being it."""
    param = case.arguments["params"][-1] if "params" in case.arguments else case.arguments["param"]
    return param[::-1] if param.size > 1 and len(param) > 1 else NOT_APPLICABLE


def read_only_array(array: np.ndarray, case: Case) -> Any:
    return read_only(array)


def with_setting(**bad: Any) -> Callable[[Any, Case], Any]:
    return lambda value, case: {**value, **bad}


def out_of_range(value: Any, case: Case) -> Any:
    if not isinstance(value, np.ndarray) or not value.size:
        return NOT_APPLICABLE
    if value.dtype.kind not in "iu":
        return NOT_APPLICABLE
    if value.dtype.kind == "u":
        return np.full(value.shape, 2**40, np.uint64)
    return np.full(value.shape, -77, value.dtype)


def beyond_the_classes(value: Any, case: Case) -> Any:
    if not isinstance(value, np.ndarray) or not value.size or value.dtype.kind not in "iu":
        return NOT_APPLICABLE
    return np.full(value.shape, 2**31 - 1)


def fewer(value: Any, case: Case) -> Any:
    return [value[-1][:-1]] if value and isinstance(value[-1], list) and value[-1] else NOT_APPLICABLE


def more(value: Any, case: Case) -> Any:
    return [[*value[-1], np.ones(2)]] if value and isinstance(value[-1], list) else NOT_APPLICABLE


def twice(value: Any, case: Case) -> Any:
    return [*value, value[0]] if value and value[0].size else NOT_APPLICABLE


def first(value: Any, case: Case) -> Any:
    """One array in place of a list of them."""
    return value[0] if value else NOT_APPLICABLE


def as_integers(array: np.ndarray, case: Case) -> Any:
    return np.zeros(array.shape, int)


def as_complex(array: np.ndarray, case: Case) -> Any:
    return np.zeros(array.shape, complex)


def as_list(array: np.ndarray, case: Case) -> Any:
    return array.astype(float).tolist() if array.ndim else NOT_APPLICABLE


def of_another_shape(array: np.ndarray, case: Case) -> Any:
    return another_shape(array)


def rows_beyond(array: np.ndarray, case: Case) -> Any:
    return np.full(array.shape, 100, array.dtype) if array.size else NOT_APPLICABLE


NUMBERS = {
    "complex": of_dtype(complex),
    "objects": of_dtype(object),
    "text": of_dtype("U3"),
    "times": of_dtype("M8[s]"),
    "records": of_dtype([("a", "f4")]),
    "a string": constant("text"),
    "an object": constant(object()),
    "longer": longer,
}
PARAM = {
    "another shape": last(of_another_shape),
    "integers": last(as_integers),
    "complex": last(as_complex),
    "a list": last(as_list),
}
GRADIENT = {**PARAM, "its parameter": last(its_parameter)}
RATES = {
    "lr < 0": with_setting(lr=-1.0),
    "lr text": with_setting(lr="fast"),
    "lr NaN": with_setting(lr=np.nan),
    "unknown": with_setting(unknown=1),
}

# For every role of an argument, the ways to spoil it.
SPOILERS: dict[str, dict[str, Callable[[Any, Case], Any]]] = {
    "array": NUMBERS,
    "out": {
        "a list": constant([[0.0]]),
        "a number": constant(0.0),
        "read-only": each(read_only),
        "another shape": each(another_shape),
        "integers": each(lambda array: np.zeros(array.shape, int)),
    },
    "mask": {"floats": of_dtype(float), "longer": longer},
    "axis": {"none such": constant(64), "below": constant(-65), "a string": constant("0"), "a float": constant(0.5)},
    "choice": {"another": constant("nothing"), "a number": constant(3), "a list": constant(["mean"])},
    "count": {
        "zero": constant(0),
        "negative": constant(-2),
        "huge": constant(2**70),
        "a float": constant(2.5),
        "a string": constant("2"),
        "None": constant(None),
    },
    "labels": {
        "out of range": out_of_range,
        "beyond the classes": beyond_the_classes,
        "longer": longer,
        "None": constant(None),
        "objects": of_dtype(object),
        "complex": of_dtype(complex),
    },
    "integer": {"a float": constant(1.5), "a string": constant("1"), "huge": constant(2**70)},
    "parameter": {
        "a string": constant("False"),
        "complex": constant(1j),
        "a list": constant([1.0, 2.0]),
        "an object": constant(object()),
    },
    "gradients": {**GRADIENT, "too few": fewer, "too many": more},
    "gradient": GRADIENT,
    "param": PARAM,
    "parameters": {
        "read-only": last(read_only_array),
        "integers": last(as_integers),
        "complex": last(as_complex),
        "twice": twice,
        "an array": first,
        "a list": constant([[1.0]]),
    },
    "arrays": {
        "integers": last(as_integers),
        "complex": last(as_complex),
        "an array": first,
        "None": constant([None]),
    },
    "rows": {
        "beyond": last(rows_beyond),
        "floats": last(lambda array, case: array.astype(float)),
        "longer": last(lambda array, case: np.zeros(len(array) + 1, int)),
    },
    "settings": {
        **RATES,
        "lr None": with_setting(lr=None),
        "decay < 0": with_setting(weight_decay=-1),
        "complex": with_setting(weight_decay=1j),
        "text": with_setting(maximize="False"),
        "a number": with_setting(maximize=1),
    },
    "step": {
        "zero": constant(0),
        "negative": constant(-3),
        "huge": constant(10**400),
        "a float": constant(1.5),
        "a string": constant("1"),
        "a flag": constant(True),
    },
    "rate": {**RATES, "steps": with_setting(steps=0), "steps text": with_setting(steps="3")},
    "batches": {
        "zero": with_setting(batch_size=0),
        "text": with_setting(batch_size="3"),
        "a flag": with_setting(batch_size=True),
        "shuffle": with_setting(shuffle="False"),
        "drop_last": with_setting(drop_last="False"),
        "rng": with_setting(rng="seed", batch_size=2, shuffle=True),
    },
    "max_norm": {
        "zero": constant(0.0),
        "negative": constant(-1.0),
        "NaN": constant(np.nan),
        "text": constant("1"),
        "None": constant(None),
    },
}


def spoiled(case: Case, choices: Choices) -> Case | None:
    """Return the case with one argument spoiled, which `spoilt` names; None where nothing here can be spoiled."""
    arguments = with_out(case)
    names = [name for name in arguments if case.roles.get(name) in SPOILERS]
    if not names:
        return None
    name = choices.among(names)
    how = choices.among(list(SPOILERS[case.roles[name]]))
    bad = SPOILERS[case.roles[name]][how](arguments[name], case)
    if contains(bad, NOT_APPLICABLE):
        return None
    case.arguments, case.spoilt = {**arguments, name: bad}, (name, how)
    return case


def verify_refusal(case: Case, choices: Choices) -> Case | None:
    """Spoil one argument and see it refused; None where nothing here can be spoiled."""
    if spoiled(case, choices) is None:
        return None
    name, how = case.spoilt
    case.memory.freeze()
    problem = ""
    try:
        with np.errstate(all="ignore"):
            case.call(case.arguments)
        problem = "was accepted"
    except REFUSALS as error:
        message = str(error)
        if not message or any(word in message for word in LEAKED):
            problem = f"was refused by {type(error).__name__}: {message}"
        elif case.name not in _native.__all__ and not is_named(name, message, case.arguments[name]):
            problem = f"is not named by {type(error).__name__}: {message}"
    except Exception as error:
        problem = f"raised {type(error).__name__}: {error}"
    if case.memory.changed([]):
        problem += " and something was written"
    if problem:
        raise Wrong(case.snippet(f"with bad {name} ({how}) {problem}"))
    return case


def is_named(name: str, message: str, bad: Any) -> bool:
    candidates = list(bad) if isinstance(bad, dict) else [name, name.rstrip("s"), *SYNONYMS.get(name, ())]
    return any(candidate in message for candidate in candidates)


SYNONYMS = {"number": ["step"], "rows": ["grads"], "params": ["settings"], "where": ["cast"]}


def contains(value: Any, what: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(contains(part, what) for part in value)
    return value is what


def with_out(case: Case) -> Arguments:
    """Return the arguments, an output among them where the function takes one."""
    arguments = dict(case.arguments)
    for name in ("rows", "grads"):
        if name in arguments:
            arguments[name] = arguments[name][-1:]  # one step: nothing may have changed after it is refused
    if "save" in arguments:
        arguments["save"] = "nothing"
    if "casting" in arguments:
        return {name: value for name, value in arguments.items() if name not in ("out", "where")}  # every out will do
    takes_out = case.roles.get("out") and str(case.name) not in {f"{loss}" for loss in nf.losses.__all__}
    if takes_out and "out" not in arguments:
        with np.errstate(all="ignore"):
            results = flat(case.call(contiguous(arguments)))
        outs = [case.memory.place(np.zeros(r.shape, r.dtype)) for r in results]
        if isinstance(case.function, np.ufunc) and len(outs) > 1:
            arguments["out"] = tuple(outs)
        else:
            arguments["out"] = outs[-1 if "grad" in case.name else 0]
    return arguments
