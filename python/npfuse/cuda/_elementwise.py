"""Activations, gated ones and their derivatives on a GPU."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npfuse import _native
from npfuse.cuda import _storage
from npfuse.cuda._operands import Operand, is_number
from npfuse.cuda._work import Work, common_shape

Function = Callable[..., Any]


def run(
    family: str,
    index: int,
    names: Sequence[str],
    values: Sequence[Any],
    outs: Sequence[Any],
    stream: Any,
) -> tuple[Any, ...]:
    """Run a kernel over arrays and numbers that broadcast together; return its outputs."""
    first = next((i for i, value in enumerate(values) if not is_number(value)), 0)
    work = Work(names[first], values[first], stream)
    leading = work.take(names[first], values[first])
    inputs = [
        leading if i == first else work.input(name, value, leading.storage)
        for i, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    arrays = [value for value in inputs if isinstance(value, Operand)]
    shape = common_shape(arrays)
    out_names = ["out"] if len(outs) == 1 else [f"out[{i}]" for i in range(len(outs))]
    results = [work.output(name, out, shape, leading.storage) for name, out in zip(out_names, outs, strict=True)]
    targets = tuple(operand for _, operand in results)
    if len(targets) == 2 and targets[0].overlaps(targets[1]):
        raise ValueError("out[1] shares memory with out[0]")

    given = [
        (work.contiguous(value, shape, avoid=targets), 0.0) if isinstance(value, Operand) else (None, value)
        for value in inputs
    ]
    addresses = [work.writing(target) for target in targets]
    storage = _storage.FLOATS.index(leading.storage)
    work.native.run_elementwise(work.place, family, index, storage, given, addresses, targets[0].size)
    for target, address in zip(targets, addresses, strict=True):
        work.written(target, address)
    return tuple(array for array, _ in results)


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

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        out = bound.arguments["out"]
        outs: tuple[Any, ...]
        if outputs == 1:
            outs = (out,)
        elif out is None:
            outs = (None,) * outputs
        elif isinstance(out, tuple) and len(out) == outputs:
            outs = out
        else:
            raise TypeError(f"out must be a tuple of {outputs} arrays, got {type(out).__name__}")
        results = run(family, index, names, [bound.arguments[key] for key in names], outs, bound.arguments["stream"])
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
