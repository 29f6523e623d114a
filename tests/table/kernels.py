"""What most tests run on: each direction of each activation with each choice of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import npfuse as nf
from npfuse import reference
from table.activations import ACTIVATIONS, Activation, Special, inf
from table.mathematics import Formula


@dataclass(frozen=True, eq=False)
class Kernel:
    """One direction of an activation with one choice of parameters: the unit that most tests run on."""

    activation: Activation
    backward: bool
    parameters: tuple[float, ...]

    @property
    def name(self) -> str:
        return self.activation.name + ("_backward" if self.backward else "")

    @property
    def label(self) -> str:
        return self.name + (f"{self.parameters}" if self.parameters else "")

    @property
    def function(self) -> Callable[..., np.ndarray]:
        """The library's own, as the user calls it."""
        return getattr(nf, self.name)

    @property
    def reference(self) -> Callable[..., np.ndarray]:
        return getattr(reference, self.name)

    @property
    def formula(self) -> Formula:
        return self.activation.derivative if self.backward else self.activation.formula

    @property
    def special_values(self) -> Special:
        return self.activation.slopes if self.backward else self.activation.values

    @property
    def ulp(self) -> float:
        return self.activation.backward_ulp if self.backward else self.activation.forward_ulp

    def operands(self, x: np.ndarray, dy: float | np.ndarray = 1) -> tuple:
        """What the library's function is given; `dy` only counts for a derivative.

        Half types do not hold the parameters, and compute with what Python numbers are in float32.
        """
        first = (np.full_like(x, dy),) if self.backward else ()
        convert = float if x.dtype.itemsize == 2 else x.dtype.type
        return (*first, x, *(convert(parameter) for parameter in self.parameters))

    def __call__(self, x: np.ndarray, dy: float | np.ndarray = 1) -> np.ndarray:
        return self.function(*self.operands(x, dy))

    @property
    def zone_around_zero(self) -> tuple[float, float]:
        """Between which x the result, a derivative about to change its sign, has its error measured absolutely."""
        if not self.backward or self.activation.slope_zero is None:
            return inf, inf
        zero = self.activation.slope_zero(*self.parameters)
        return zero - abs(zero), zero + abs(zero)

    def near_zero_of_slope(self, x: np.ndarray) -> np.ndarray:
        low, high = self.zone_around_zero
        return (low < x) & (x < high)


def as_float32(parameters: tuple[float, ...]) -> tuple[float, ...]:
    """Round to numbers that every tested dtype has, so that all of them compute the same function."""
    return tuple(float(np.float32(parameter)) for parameter in parameters)


KERNELS = [
    Kernel(activation, backward, as_float32(parameters))
    for activation in ACTIVATIONS
    if hasattr(nf, activation.name)
    for parameters in activation.parameters
    for backward in (False, True)
    if activation.elementwise_backward or not backward
]
DEFAULT_KERNELS = [kernel for kernel in KERNELS if kernel.parameters == as_float32(kernel.activation.parameters[0])]
