"""The libraries we compare with, each in one thread: which are installed, and how they are called fastest."""

import functools
import importlib
import importlib.util
import math
import types
from collections.abc import Callable
from typing import Any

from npfuse.reference import activations

PEERS = ("numpy", "scipy", "numexpr", "numba", "torch", "jax")


def installed(wanted: tuple[str, ...] = PEERS) -> list[str]:
    """Return those of the wanted peers that can be imported."""
    return [peer for peer in wanted if importlib.util.find_spec(peer) is not None]


def limit_threads(peers: list[str], count: int) -> None:
    """Hold the peers to so many threads; jax goes by the CPUs the process may use."""
    if "torch" in peers:
        importlib.import_module("torch").set_num_threads(count)
    if "numexpr" in peers:
        importlib.import_module("numexpr").set_num_threads(count)


@functools.cache
def numba_formulas() -> dict[str, Any]:
    """Return the reference activations, each to be compiled for single numbers and to call the others so compiled."""
    numba = importlib.import_module("numba")
    choose = numba.njit(lambda condition, yes, no: yes if condition else no)
    namespace = {**vars(activations), "erf": math.erf, "where": choose}
    for name, formula in vars(activations).items():
        if isinstance(formula, types.FunctionType):
            scalar = types.FunctionType(formula.__code__, namespace, name, formula.__defaults__)
            namespace[name] = numba.njit(scalar, fastmath=True)
    return namespace


def numba_ufunc(name: str, operands: int) -> Callable[..., object]:
    """Compile a reference formula to a ufunc over float32."""
    numba = importlib.import_module("numba")
    arguments = ", ".join(f"x{i}" for i in range(operands))
    scalar = eval(f"lambda {arguments}: {name}({arguments})", numba_formulas())
    signature = f"float32({', '.join(['float32'] * operands)})"
    return numba.vectorize([signature], fastmath=True)(scalar)  # type: ignore[no-any-return]
