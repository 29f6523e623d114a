"""Activations, gated ones and their derivatives on a GPU."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from npfuse import _native
from npfuse.cuda import _storage
from npfuse.cuda._operands import Operand, is_number
from npfuse.cuda._settings import checked_number
from npfuse.cuda._work import Work, common_shape

Function = Callable[..., Any]


def run(
    family: str,
    index: int,
    names: Sequence[str],
    values: Sequence[Any],
    domains: Mapping[str, int],
    outs: Mapping[str, Any],
    stream: Any,
) -> tuple[Any, ...]:
    """Run a kernel over arrays and numbers that broadcast together; return its outputs.

    Numbers that are parameters, which have a domain, take the type that the storage computes in.
    """
    numbers = [is_number(value) for value in values]
    first = numbers.index(False) if False in numbers else 0
    with Work(names[first], values[first], stream) as work:
        leading = work.take(names[first], values[first])
        storage = leading.storage

        def input_of(i: int) -> Operand | float:
            if i == first:
                return leading
            if numbers[i] and names[i] in domains:
                return checked_number(names[i], values[i], domains[names[i]], storage)
            return work.input(names[i], values[i], storage)

        inputs = [input_of(i) for i in range(len(values))]
        shape = common_shape([value for value in inputs if isinstance(value, Operand)])
        results = [work.output(name, out, shape, storage) for name, out in outs.items()]
        arrays, targets = zip(*results, strict=True)
        given = work.given(inputs, shape)
        addresses = [work.writing(target) for target in targets]
        number = _storage.NUMBERS[storage]
        work.native.run_elementwise(work.place, family, index, number, given, addresses, targets[0].size)
    return arrays


def _summary(name: str) -> str:
    documentation = getattr(_native, name).__doc__ or ""
    return next((line for line in documentation.splitlines() if line.endswith(".")), name)


def _signature(operands: Sequence[str], defaults: dict[str, Any]) -> inspect.Signature:
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(operand, inspect.Parameter.POSITIONAL_ONLY) for operand in operands]
    parameters += [inspect.Parameter(key, positional, default=value) for key, value in defaults.items()]
    parameters += [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None) for key in ("out", "stream")]
    return inspect.Signature(parameters)


def _parameters(activation: str) -> dict[str, Any]:
    """Return an activation's parameters and their defaults, if they have any: a ufunc knows none."""
    defaults = _native.activation_parameters[activation]
    if isinstance(getattr(_native, activation), np.ufunc):
        return dict.fromkeys(defaults, inspect.Parameter.empty)
    return dict(defaults)


def _documentation(name: str, operands: Sequence[str], defaults: dict[str, Any], outputs: int) -> str:
    lines = [f"{_summary(name)}", "", f"`npfuse.{name}` on a GPU: the same formula, the same bits."]
    lines += ["", "Parameters", "----------", f"{', '.join(operands)} : array"]
    lines += ["    On one GPU and of one floating-point dtype; shapes broadcast."]
    for key, value in defaults.items():
        default = "" if value is inspect.Parameter.empty else f", default {value:.6g}"
        lines += [f"{key} : float or array{default}", "    As on the CPU."]
    result = "array" if outputs == 1 else f"tuple of {outputs} arrays"
    lines += [f"out : {result}, optional", "    Where the result goes.", "stream : optional"]
    lines += [
        "    A CUDA stream of any library, or its address; by default the current one of the first array's library."
    ]
    lines += ["", "Returns", "-------", result, "    From the library of the first array, unless `out` is given."]
    return "\n".join(lines) + "\n"


def _function(
    name: str, family: str, index: int, operands: Sequence[str], defaults: dict[str, Any], outputs: int
) -> Function:
    """Return a function of the operands, then of the parameters with their defaults."""
    signature = _signature(operands, defaults)
    names = [*operands, *defaults]
    domains = _native.activation_domains.get(name.removesuffix("_backward"), {})
    required = sum(signature.parameters[name].default is inspect.Parameter.empty for name in names)
    usual = [signature.parameters[name].default for name in names]

    def in_order(args: tuple[Any, ...], named: dict[str, Any]) -> Sequence[Any]:
        """Return what belongs to `names`; the signature, which takes its time, sorts out or refuses the unusual."""
        if not named and required <= len(args) <= len(names):
            return [*args, *usual[len(args) :]]
        bound = signature.bind(*args, **named)
        bound.apply_defaults()
        return [bound.arguments[name] for name in names]

    def by_name(out: Any) -> dict[str, Any]:
        """Return the outputs, each under what errors call it."""
        if outputs == 1:
            return {"out": out}
        if out is None:
            out = (None,) * outputs
        if not isinstance(out, tuple) or len(out) != outputs:
            raise TypeError(f"out must be a tuple of {outputs} arrays, got {type(out).__name__}")
        return {f"out[{i}]": each for i, each in enumerate(out)}

    def function(*args: Any, out: Any = None, stream: Any = None, **named: Any) -> Any:
        results = run(family, index, names, in_order(args, named), domains, by_name(out), stream)
        return results[0] if outputs == 1 else results

    function.__name__ = function.__qualname__ = name
    function.__module__ = "npfuse.cuda"
    function.__doc__ = _documentation(name, operands, defaults, outputs)
    setattr(function, "__signature__", signature)  # noqa: B010 (functions have no such attribute, says mypy)
    return function


def functions() -> dict[str, Function]:
    """Return every elementwise function of the registry by its name."""
    result: dict[str, Function] = {}
    for index, name in enumerate(_native.activation_parameters):
        defaults = _parameters(name)
        result[name] = _function(name, "activations_forward", index, ["x"], defaults, 1)
        if name not in _native.parameter_backward_ufuncs:
            backward = f"{name}_backward"
            result[backward] = _function(backward, "activations_backward", index, ["dy", "x"], defaults, 1)
    for index, name in enumerate(_native.operations["gated"]):
        result[name] = _function(name, "gated_forward", index, ["gate", "x"], {}, 1)
        backward = f"{name}_backward"
        result[backward] = _function(backward, "gated_backward", index, ["dy", "gate", "x"], {}, 2)
    return result
