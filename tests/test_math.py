"""The functions of formulas/math.h keep the bound that stands on each of them."""

import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from exact import Exact, error_in_ulp, exact
from npfuse import _native
from samples import every_float32, points
from table.mathematics import normal_distribution, sigmoid

SOURCES = Path(__file__).parent.parent / "csrc"
COMPILER = shutil.which("g++") or shutil.which("clang++")
FLAGS = ["-std=c++20", "-O3", "-shared", "-fPIC", "-fopenmp-simd", "-ffp-contract=off"]
FLAGS += ["-fno-math-errno", "-fno-trapping-math"]
SWEEP_STEP = 4099


@dataclass(frozen=True)
class Truth:
    formula: Callable[[mpf], mpf]
    at_minus_infinity: float
    at_zero: float
    at_infinity: float


TRUTH = {
    "exp": Truth(mpmath.exp, 0, 1, np.inf),
    "expm1": Truth(mpmath.expm1, -1, 0, np.inf),
    "log": Truth(mpmath.log, np.nan, -np.inf, np.inf),
    "log1p": Truth(mpmath.log1p, np.nan, 0, np.inf),
    "erf": Truth(lambda x: 1 - 2 * normal_distribution(-x * mpmath.sqrt(2)), -1, 0, 1),
    "erfc": Truth(lambda x: 2 * normal_distribution(-x * mpmath.sqrt(2)), 2, 1, 0),
    "sigmoid": Truth(sigmoid, 0, 0.5, 1),
    "tanh": Truth(mpmath.tanh, -1, 0, 1),
}
POLES = {"log": 0, "log1p": -1}

STATEMENT = re.compile(
    r"// <= (?P<ulp>[\d.]+) ULP, all x(?: >= (?P<low>-?\d+))?.*\n"
    r"template <class T>\n"
    r"NPFUSE_FORMULA T (?P<name>\w+)\(T x\)"
)


@dataclass(frozen=True)
class Function:
    name: str
    ulp: float
    low: float

    def domain(self, x: np.ndarray) -> np.ndarray:
        return x[x >= self.low]


def stated() -> list[Function]:
    """Read what the headers promise."""
    text = "\n".join(header.read_text() for header in sorted(SOURCES.glob("formulas/math/*.h")))
    return [
        Function(match["name"], float(match["ulp"]), float(match["low"] or "-inf"))
        for match in STATEMENT.finditer(text)
    ]


WALKER = """
#define NPFUSE_ISA tests
#include "formulas/math.h"
#define WALK(name, T) \\
    extern "C" void name##_##T(const T* x, T* y, long n) { \\
        _Pragma("omp simd") for (long i = 0; i < n; ++i) y[i] = npfuse::tests::name(x[i]); \\
    }
"""


@pytest.fixture(scope="module")
def walker(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Compile a loop over each function, for the instruction set that is in use."""
    if COMPILER is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("walker")
    loops = [f"WALK({function.name}, {dtype})" for function in stated() for dtype in ("float", "double")]
    (folder / "walker.cpp").write_text(WALKER + "\n".join(loops))
    isa = _native.config()["isa"]
    command = [COMPILER, *FLAGS, f"-march={'armv8-a' if isa == 'neon' else isa}", f"-I{SOURCES}"]
    subprocess.run([*command, str(folder / "walker.cpp"), "-o", str(folder / "walker.so")], check=True)
    return ctypes.CDLL(str(folder / "walker.so"))


def evaluate(walker: ctypes.CDLL, name: str, x: np.ndarray) -> np.ndarray:
    loop: Callable[..., None] = walker[f"{name}_{'float' if x.dtype == np.float32 else 'double'}"]
    x = np.ascontiguousarray(x)
    y = np.empty_like(x)
    pointer = np.ctypeslib.ndpointer(x.dtype, flags="C_CONTIGUOUS")
    loop.argtypes, loop.restype = [pointer, pointer, ctypes.c_long], None
    loop(x, y, x.size)
    return y


def assert_close(function: Function, x: np.ndarray, result: np.ndarray, truth: Exact) -> None:
    error = error_in_ulp(result, truth)
    # A result that is no normal number may be a whole step away.
    allowed = np.where(np.abs(truth.nearest) >= np.finfo(x.dtype).smallest_normal, function.ulp, 1)
    worst = np.argmax(error - allowed)
    assert error[worst] <= allowed[worst], (
        f"{function.name}: {error[worst]:.3f} ULP at x = {x[worst]!r}: "
        f"got {result[worst]!r}, not {truth.nearest[worst]!r}"
    )


def test_every_statement_is_tested() -> None:
    assert {function.name for function in stated()} == set(TRUTH)


@pytest.mark.parametrize("function", stated(), ids=lambda function: function.name)
class TestFunction:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_against_mpmath(self, walker: ctypes.CDLL, function: Function, dtype: type) -> None:
        x = function.domain(points(dtype, 3000))
        x = x[x != POLES.get(function.name, np.nan)]
        truth = exact(TRUTH[function.name].formula, x, ())
        assert_close(function, x, evaluate(walker, function.name, x), truth)

    def test_sweep_of_float32(self, walker: ctypes.CDLL, function: Function) -> None:
        x = function.domain(every_float32(SWEEP_STEP))
        truth = Exact(evaluate(walker, function.name, x.astype(np.float64)), np.zeros(x.shape))
        assert_close(function, x, evaluate(walker, function.name, x), truth)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_ends(self, walker: ctypes.CDLL, function: Function, dtype: type) -> None:
        truth = TRUTH[function.name]
        x = np.array([-np.inf, 0, np.inf, np.nan], dtype)
        expected = [truth.at_minus_infinity, truth.at_zero, truth.at_infinity, np.nan]
        np.testing.assert_array_equal(evaluate(walker, function.name, x), expected)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_minus_zero_stays_minus_zero(self, walker: ctypes.CDLL, function: Function, dtype: type) -> None:
        if TRUTH[function.name].at_zero == 0:
            assert np.signbit(evaluate(walker, function.name, np.array([-0.0], dtype)))
