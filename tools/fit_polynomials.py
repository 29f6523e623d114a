"""Fit the polynomials of csrc/formulas/math/coefficients.h and csrc/formulas/losses/coefficients.h.

    python tools/fit_polynomials.py             # writes both headers
    python tools/fit_polynomials.py --check     # do the headers in the tree say the same?

Every polynomial is a minimax fit (Remez exchange in high precision), weighted so that what comes out best is the
relative error of the function it serves; then its coefficients are rounded to the target type.
"""

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mpmath
import numpy as np
from mpmath import mp, mpf

mp.prec = 256

FORMULAS = Path(__file__).parent.parent / "csrc" / "formulas"


@dataclass
class Target:
    type: str
    suffix: str
    bits: int


FLOAT = Target("float", "f", 24)
DOUBLE = Target("double", "", 53)


def round_to(value: mpf, bits: int) -> mpf:
    """The nearest number with so many significant bits."""
    if value == 0:
        return mpf(0)
    mantissa, exponent = mpmath.frexp(value)
    return mpmath.ldexp(mpmath.nint(mpmath.ldexp(mantissa, bits)), int(exponent) - bits)


def literal(value: mpf, target: Target) -> str:
    """C++ for the value rounded to the target: hexadecimal, without the zeros that say nothing."""
    mantissa, exponent = float(round_to(value, target.bits)).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{int(exponent)}{target.suffix}"


# ------------------------------------------------------------------------------------------------------ Remez


def chebyshev_points(low: mpf, high: mpf, count: int) -> list[mpf]:
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mpmath.cos(mpmath.pi * i / (count - 1)) for i in range(count)]


def minimax(function, weight, low, high, powers: list[int]) -> tuple[list[mpf], mpf]:
    """Coefficients of sum c_i x^powers[i] with the least max |weight * (sum - function)|, and that maximum."""
    count = len(powers)
    samples = chebyshev_points(low, high, 40 * (count + 1))
    values = [function(x) for x in samples]
    weights = [weight(x) for x in samples]
    step = (len(samples) - 1) / count
    chosen = [round(i * step) for i in range(count + 1)]
    for _ in range(60):
        system = mpmath.matrix(count + 1, count + 1)
        right = mpmath.matrix(count + 1, 1)
        for row, index in enumerate(chosen):
            for column, power in enumerate(powers):
                system[row, column] = samples[index] ** power
            system[row, count] = (-1) ** row / weights[index]
            right[row] = values[index]
        solution = mpmath.lu_solve(system, right)
        coefficients = [solution[i] for i in range(count)]
        errors = [
            w * (sum(c * x**p for c, p in zip(coefficients, powers)) - v) for x, v, w in zip(samples, values, weights)
        ]
        exchanged = alternating_extrema(errors, count + 1)
        worst = max(abs(e) for e in errors)
        if exchanged == chosen or worst <= abs(solution[count]) * mpf("1.0001"):
            break
        chosen = exchanged
    return coefficients, worst


def alternating_extrema(errors: list[mpf], wanted: int) -> list[int]:
    """Indices of the largest errors that alternate in sign, `wanted` of them."""
    extrema: list[int] = []
    for index, error in enumerate(errors):
        if extrema and (errors[extrema[-1]] > 0) == (error > 0):
            if abs(error) > abs(errors[extrema[-1]]):
                extrema[-1] = index
        else:
            extrema.append(index)
    while len(extrema) > wanted:
        if len(extrema) - wanted == 1:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
            continue
        weakest = min(range(len(extrema)), key=lambda i: abs(errors[extrema[i]]))
        if weakest in (0, len(extrema) - 1):
            extrema.pop(weakest)
        else:  # without it two neighbours of equal sign meet: keep the larger
            left, right = extrema[weakest - 1], extrema[weakest + 1]
            smaller = weakest - 1 if abs(errors[left]) < abs(errors[right]) else weakest + 1
            for position in sorted((weakest, smaller), reverse=True):
                extrema.pop(position)
    if len(extrema) < wanted:
        raise ArithmeticError("the error alternates too seldom: degree too high or precision too low")
    return extrema


def fit(function, weight, low, high, degree: int, bits: int) -> tuple[list[mpf], float]:
    """Minimax coefficients, rounded to `bits` so that little is lost, and the worst weighted error that is left."""
    exact, _ = minimax(function, weight, low, high, list(range(degree + 1)))
    best = [round_to(c, bits) for c in exact]
    samples = chebyshev_points(low, high, 150)
    values, weights = [function(x) for x in samples], [weight(x) for x in samples]
    # The errors are small numbers, of which sixteen digits are plenty, and a coefficient moves each by a fixed amount.
    errors = np.array(
        [float(w * (mpmath.polyval(best[::-1], x) - v)) for x, v, w in zip(samples, values, weights, strict=True)]
    )
    units = [mpmath.ldexp(1, int(mpmath.frexp(c)[1]) - bits) for c in best]
    effects = np.array(
        [[float(w * u * x**i) for i, u in enumerate(units)] for x, w in zip(samples, weights, strict=True)]
    )
    moves = np.concatenate([effects, -effects], axis=1)
    steps = [0] * len(best)
    while True:  # move the coefficient that helps most by one unit in its last place, as long as one does
        after = np.abs(errors[:, None] + moves).max(axis=0)
        move = int(after.argmin())
        if after[move] >= np.abs(errors).max() * 0.9999:
            break
        errors += moves[:, move]
        steps[move % len(best)] += 1 if move < len(best) else -1
    return [c + n * u for c, n, u in zip(best, steps, units, strict=True)], np.abs(errors).max()


# ------------------------------------------------------------------------------------------- what is approximated


@dataclass
class Polynomial:
    name: str
    variable: str
    meaning: str
    function: Callable
    weight: Callable  # times the polynomial's error: the relative error of what it is used for
    low: mpf
    high: mpf
    degree: int
    first: tuple[str, ...] = ()  # names of the first coefficients, where the formula takes them by themselves


def series(term: Callable, first: int) -> mpf:
    """Sum of term(n) from `first` until it no longer changes."""
    total, n = mpf(0), first
    while True:
        part = term(n)
        total += part
        if abs(part) <= abs(total) * mpf(2) ** -mp.prec:
            return total
        n += 1


HALF_LN2 = mpmath.log(2) / 2 * mpf("1.0001")  # a little wider: the multiple of ln(2) is chosen by a rounded product
LOG_LIMIT = 4 * mpf("0.17158") ** 2  # w for an argument of sqrt(2), squared

# The tail of the normal distribution, P(X < -a), is exp(-a^2/2) over a line in a, but for a factor near 1.
TAIL_SLOPE, TAIL_OFFSET = mpf("2.25"), mpf("1.875")
TAIL_CENTRE = {"float": mpf("4.9375"), "double": mpf(6)}
TAIL_END = {
    "float": mpf("14.7"),
    "double": mpf("38.7"),
}  # where the tail is below half the least subnormal, a times its density too

TANH_SPLIT = mpf("0.625")  # up to here tanh is a polynomial, beyond it an exponential
TANH_SHRINK_SPLIT = mpf("0.75")  # x - tanh(x) likewise

SELU_SCALE = mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mpf("1.6732632423543772848170429916717")


def exp_tail(r):
    return series(lambda n: r**n / mpmath.factorial(n + 2), 0)


def log_tail(z):
    """(2 * atanh(w / 2) - w) / w^3 with z = w^2."""
    return series(lambda n: (z / 4) ** n / (4 * (2 * n + 3)), 0)


def normal_tail_shape(centre):
    def function(u):
        p = u + mpf("0.5")
        a = centre * p / (1 - p)
        half = mpmath.erfc(a / mpmath.sqrt(2)) / 2
        return (half * mpmath.exp(a * a / 2) * (TAIL_SLOPE * a + TAIL_OFFSET) - TAIL_OFFSET / 2) / p

    return function


def erf_near_zero(z):
    """erf(x) / x - 1 with z = x^2."""
    return series(lambda n: 2 / mpmath.sqrt(mpmath.pi) * (-z) ** n / (mpmath.factorial(n) * (2 * n + 1)), 0) - 1


def tanh_shrink(z):
    """(x - tanh(x)) / x^3 = 1/3 + tanh_shrink(z) * z with z = x^2."""
    z = max(z, mpf("1e-18"))
    x = mpmath.sqrt(z)
    return ((x - mpmath.tanh(x)) / x**3 - mpf(1) / 3) / z


def tanh_tail(z):
    """(tanh(x) - x) / x^3 with z = x^2."""
    return -mpf(1) / 3 - z * tanh_shrink(z)


def log1p_tail(x):
    """(log(1 + x) - x) / x^2."""
    if x < mpf("0.01"):
        return series(lambda n: -((-x) ** n) / (n + 2), 0)
    return (mpmath.log1p(x) - x) / x**2


def log_cosh_tail(z):
    """(log(cosh(a)) - z / 2) / z^2 with z = a^2."""
    z = max(z, mpf("1e-18"))
    return (mpmath.log(mpmath.cosh(mpmath.sqrt(z))) - z / 2) / z**2


def loss_polynomials(target: Target) -> list[Polynomial]:
    is_float = target is FLOAT
    return [
        Polynomial(
            name="log1p_tail",
            variable="x",
            meaning="log(1 + x) = x + x^2 * log1p_tail(x), 0 <= x <= 1",
            function=log1p_tail,
            weight=lambda x: max(x, mpf("1e-9")) * (x / mpmath.log1p(x) if x else 1),
            low=mpf(0),
            high=mpf(1),
            degree=8 if is_float else 20,
        ),
        Polynomial(
            name="log_cosh_tail",
            variable="z",
            meaning="log(cosh(a)) = z / 2 + z^2 * log_cosh_tail(z), z = a^2 <= 1",
            function=log_cosh_tail,
            weight=lambda z: max(z, mpf("1e-9")) / (mpf(1) / 2 + z * log_cosh_tail(z)),
            low=mpf(0),
            high=mpf(1),
            degree=5 if is_float else 14,
        ),
    ]


def polynomials(target: Target) -> list[Polynomial]:
    is_float = target is FLOAT
    centre, end = TAIL_CENTRE[target.type], TAIL_END[target.type]
    tail = normal_tail_shape(centre)
    return [
        Polynomial(
            name="exp_tail",
            variable="r",
            meaning="exp(r) = 1 + r + r^2 * exp_tail(r), |r| <= ln(2)/2",
            function=exp_tail,
            weight=lambda r: max(r * r, mpf("1e-9")) / mpmath.exp(r),
            low=-HALF_LN2,
            high=HALF_LN2,
            degree=4 if is_float else 9,
        ),
        Polynomial(
            name="expm1_tail",
            variable="r",
            meaning="exp(r) - 1 = r + r^2 * expm1_tail(r), |r| <= ln(2)/2",
            function=exp_tail,
            weight=lambda r: max(abs(r), mpf("1e-9")) * abs(r / mpmath.expm1(r) if r else 1),
            low=-HALF_LN2,
            high=HALF_LN2,
            degree=5 if is_float else 10,
        ),
        Polynomial(
            name="log_tail",
            variable="z",
            meaning="log((2 + w) / (2 - w)) = w + w * z * log_tail(z), z = w^2 <= 0.118",
            function=log_tail,
            weight=lambda z: max(z, mpf("1e-9")),
            low=mpf(0),
            high=LOG_LIMIT,
            degree=2 if is_float else 6,
        ),
        Polynomial(
            name="normal_tail_shape",
            variable="u",
            meaning=f"P(X < -a) = exp(-a^2/2) * ({float(TAIL_OFFSET / 2):g} + p * (middle + tilt * u + u^2 *"
            f" normal_tail_shape(u))) /\n// ({float(TAIL_SLOPE):g} * a + {float(TAIL_OFFSET):g}),"
            f" u = p - 0.5, p = a / (a + {float(centre):g}), 0 <= a <= {float(end):g}",
            first=("normal_tail_middle", "normal_tail_tilt"),
            function=tail,
            weight=lambda u: (u + mpf("0.5")) / (TAIL_OFFSET / 2 + (u + mpf("0.5")) * tail(u)),
            low=mpf("-0.49999"),
            high=end / (end + centre) - mpf("0.5"),
            degree=10 if is_float else 21,
        ),
        Polynomial(
            name="erf_near_zero",
            variable="z",
            meaning="erf(x) = x + x * erf_near_zero(z), z = x^2 <= 0.25",
            function=erf_near_zero,
            weight=lambda z: 1 / (1 + erf_near_zero(z)),
            low=mpf(0),
            high=mpf("0.25"),
            degree=4 if is_float else 9,
        ),
        Polynomial(
            name="tanh_tail",
            variable="z",
            meaning=f"tanh(x) = x + x * z * tanh_tail(z), z = x^2 <= {float(TANH_SPLIT):g}^2",
            function=tanh_tail,
            weight=lambda z: max(z, mpf("1e-9")) / (1 + z * tanh_tail(z)),
            low=mpf(0),
            high=TANH_SPLIT**2,
            degree=4 if is_float else 12,
        ),
        Polynomial(
            name="tanh_shrink_tail",
            variable="z",
            meaning=f"x - tanh(x) = x^3 * (1/3 + z * tanh_shrink_tail(z)), z = x^2 <= {float(TANH_SHRINK_SPLIT):g}^2",
            function=tanh_shrink,
            weight=lambda z: max(z, mpf("1e-9")) / (mpf(1) / 3 + z * tanh_shrink(z)),
            low=mpf(0),
            high=TANH_SHRINK_SPLIT**2,
            degree=6 if is_float else 14,
        ),
    ]


def constants(target: Target) -> list[tuple[str, str]]:
    sqrt_2_over_pi = mpmath.sqrt(2 / mpmath.pi)
    singles = {
        "log2_e": 1 / mpmath.log(2),
        "normal_tail_slope": TAIL_SLOPE,
        "normal_tail_offset": TAIL_OFFSET,
        "normal_tail_centre": TAIL_CENTRE[target.type],
        "normal_tail_end": TAIL_END[target.type],
        "tanh_split": TANH_SPLIT,
        "tanh_shrink_split": TANH_SHRINK_SPLIT,
        "inverse_sqrt_2pi": 1 / mpmath.sqrt(2 * mpmath.pi),
        "sqrt_half": mpmath.sqrt(mpf(1) / 2),
    }
    pairs = {
        "ln2": mpmath.log(2),
        "sqrt_2": mpmath.sqrt(2),
        "third": mpf(1) / 3,
        "gelu_tanh_linear": 2 * sqrt_2_over_pi,
        "gelu_tanh_cubic": 2 * sqrt_2_over_pi * mpf("0.044715"),
        "quick_gelu_beta": mpf("1.702"),
        "selu_scale": SELU_SCALE,
        "selu_scale_alpha": SELU_SCALE * SELU_ALPHA,
    }
    lines = [(name, literal(value, target)) for name, value in singles.items()]
    for name, value in pairs.items():
        high = round_to(value, target.bits)
        lines += [(name, literal(high, target)), (f"{name}_lo", literal(value - high, target))]
    return lines


# -------------------------------------------------------------------------------------------------- the header


def defined(target: Target, fits: list[Polynomial]) -> tuple[list[tuple[str, str]], list[str]]:
    """The coefficients that have names of their own, and the functions."""
    named: list[tuple[str, str]] = []
    lines: list[str] = []
    for p in fits:
        fitted, error = fit(p.function, p.weight, p.low, p.high, p.degree, target.bits)
        coefficients = [literal(c, target) for c in fitted]
        named += [(name, coefficients.pop(0)) for name in p.first]
        lines += [
            "",
            f"// {p.meaning}; relative error 2^{math.log2(error):.1f}",
            f"NPFUSE_FORMULA {target.type} {p.name}({target.type} {p.variable}) {{",
            f"    return polynomial({p.variable},  //",
            *(f"                      {c}," for c in coefficients[:-1]),
            f"                      {coefficients[-1]});",
            "}",
        ]
    return named, lines


def declared(target: Target, numbers: list[tuple[str, str]]) -> list[str]:
    members = [f"    static constexpr {target.type} {name} = {value};" for name, value in numbers]
    return ["", "template <>", f"struct Constants<{target.type}> {{", *members, "};"]


def write_header(family: str) -> str:
    is_math = family == "math"
    lines = [
        "// Written by tools/fit_polynomials.py; do not edit. The minimax polynomials, lowest degree first.",
        "#pragma once",
        "",
        '#include "primitives.h"' if is_math else '#include "../math.h"',
        "",
        "NPFUSE_FORMULAS_BEGIN",
    ]
    if is_math:
        lines += ["", "template <class T>", "struct Constants;"]
    for target in (FLOAT, DOUBLE):
        named, functions = defined(target, polynomials(target) if is_math else loss_polynomials(target))
        lines += (declared(target, [*constants(target), *named]) if is_math else []) + functions
    return "\n".join([*lines, "", "NPFUSE_FORMULAS_END", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the headers in the tree")
    check = parser.parse_args().check
    different = 0
    for family in ("math", "losses"):
        path, header = FORMULAS / family / "coefficients.h", write_header(family)
        if not check:
            path.write_text(header)
        elif header != path.read_text():
            print(f"{path} differs from what is fitted: run the script again")
            different += 1
    return different


if __name__ == "__main__":
    sys.exit(main())
