"""The table agrees with itself: what rows state twice is the same."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from exact import evaluate
from table import ACTIVATIONS, Activation, Kernel, as_float32

ORDINARY = np.random.default_rng(3).uniform(-4.1, 4.1, size=40)


def named(activation: Activation) -> str:
    return activation.name


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=named)
def test_derivative_is_the_derivative(activation: Activation) -> None:
    for parameters in activation.parameters:
        for x in ORDINARY:
            operands = [mpf(x), *map(mpf, parameters)]
            with mpmath.workprec(200):
                secant = mpmath.diff(activation.formula, tuple(operands), (1, *(0 for _ in parameters)))
                slope = activation.derivative(*operands)
            assert math.isclose(slope, secant, rel_tol=1e-9, abs_tol=1e-12), (x, parameters)


def test_special_values_are_those_of_the_formula(kernel: Kernel) -> None:
    """Infinities are approached by a number so large that only the limit is left of the function."""
    for x, value in kernel.special_values.items():
        near = math.copysign(2.0**1000, x) if math.isinf(x) else x
        result = float(evaluate(kernel.formula, near, *kernel.parameters))
        if math.isinf(value):
            assert abs(result) > 1e100
            assert math.copysign(1, result) == math.copysign(1, value)
        else:
            assert math.isclose(result, value, rel_tol=1e-9, abs_tol=1e-290), x


@pytest.mark.parametrize("activation", [row for row in ACTIVATIONS if row.slope_zero], ids=named)
def test_slope_zero_is_a_zero(activation: Activation) -> None:
    for parameters in map(as_float32, activation.parameters):
        zero = activation.slope_zero(*parameters)
        if math.isinf(zero):
            continue
        assert abs(activation.derivative(mpf(zero), *map(mpf, parameters))) < 1e-6
