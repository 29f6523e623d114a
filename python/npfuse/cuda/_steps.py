"""A step on one parameter on a GPU, without an object."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from npfuse import optimizers
from npfuse.cuda._updater import Updater
from npfuse.optimizers._base import stepper

Function = Callable[..., Any]

DOCUMENTATION = """`npfuse.{name}` on a GPU: the same arguments, the same bits.

Parameter and states are contiguous arrays of any library on one GPU, the gradient has any layout. ``stream`` is a CUDA
stream of any library or its address, the current one of the gradient's library if left out.
"""


def _take(
    stream: Any, kernel: str, param: Any, grad: Any, states: tuple[Any, ...], settings: tuple[float, ...]
) -> None:
    updater = Updater(kernel, None, single=True)
    updater.add([param], [states], 0)
    updater.stream = stream
    updater.step([grad], [settings], 1.0, False, math.inf)


def _function(name: str) -> Function:
    """Return the CPU's function, with its checks and its settings, but with a step that is taken here."""
    on_cpu = getattr(optimizers, name)

    def function(*args: Any, stream: Any = None, **settings: Any) -> Any:
        token = stepper.set(partial(_take, stream))
        try:
            return on_cpu(*args, **settings)
        finally:
            stepper.reset(token)

    signature = inspect.signature(on_cpu)
    *before, options = signature.parameters.values()
    by_name = inspect.Parameter("stream", inspect.Parameter.KEYWORD_ONLY, default=None)
    setattr(function, "__signature__", signature.replace(parameters=[*before, by_name, options]))  # noqa: B010
    function.__name__ = function.__qualname__ = name
    function.__module__ = "npfuse.cuda"
    function.__doc__ = DOCUMENTATION.format(name=name)
    return function


def functions() -> dict[str, Function]:
    """Return every step function by its name."""
    return {name: _function(name) for name in optimizers.__all__ if name.endswith("_step")}
