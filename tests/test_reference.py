"""npfuse.reference has every operation, with its formula, source and defaults, and needs no compiled code."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import npfuse as nf
from npfuse import _native, reference
from table import ACTIVATIONS, GATED, LOSSES, OPTIMIZERS, ROWS, Loss

LOSS_NAMES = [entry[0] for entry in _native._losses]
OPTIMIZER_NAMES = sorted({row.cls.__name__.lower() for row in OPTIMIZERS})
FORWARD = [name for family in ("activations", "gated", "rows") for name in _native.operations[family]]
FORWARD += ["glu", "maxout"]
BACKWARD = [f"{name}_backward" for name in FORWARD]

each_choice = pytest.mark.parametrize(
    ("row", "parameters"),
    [(row, parameters) for row in LOSSES for parameters in row.parameters],
    ids=lambda part: part.label if isinstance(part, Loss) else "-".join(map(str, part.values())),
)


def test_the_registry_and_the_table_have_the_same_operations() -> None:
    assert {row.name for row in (*ACTIVATIONS, *GATED, *ROWS)} == set(FORWARD) - {"glu", "maxout"}
    assert {row.name for row in LOSSES} == set(LOSS_NAMES) - {"softmax_cross_entropy", "nll_loss"}
    classes = {name.lower() for name in nf.optimizers.__all__ if isinstance(getattr(nf, name), type)}
    assert set(OPTIMIZER_NAMES) == classes - {"optimizer"}


@pytest.mark.parametrize("name", [*FORWARD, *BACKWARD, *LOSS_NAMES, *OPTIMIZER_NAMES, "global_norm"])
def test_every_operation_has_a_formula_and_a_source(name: str) -> None:
    assert name in reference.__all__
    summary, *rest = inspect.cleandoc(getattr(reference, name).__doc__).split("\n\n")
    assert summary.startswith("Return ")
    if name not in BACKWARD:
        assert re.search(r"\(\d{4}\), [A-Z]|PyTorch, torch\.", rest[-1])


@pytest.mark.parametrize("name", [*_native.operations["activations"]])
def test_activations_have_the_defaults_of_the_library(name: str) -> None:
    for function in (getattr(reference, name), getattr(reference, f"{name}_backward")):
        of_reference = [each.default for each in inspect.signature(function).parameters.values()]
        of_library = [] if name == "prelu" else list(_native.activation_parameters[name].values())
        assert [each for each in of_reference if each is not inspect.Parameter.empty] == of_library


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.label)
def test_losses_have_the_defaults_of_the_table(row: Loss) -> None:
    parameters = inspect.signature(getattr(reference, row.name).formula).parameters
    assert list(parameters)[:2] == ["pred", "target"]
    assert list(parameters)[2:] == [*row.operands, *row.parameters[0]]
    assert {name: parameters[name].default for name in row.parameters[0]} == row.parameters[0]


@each_choice
def test_losses_are_those_of_the_table_in_float64(row: Loss, parameters: dict) -> None:
    random, n = np.random.default_rng(2), 100
    pred, target = row.predictions(random, n), row.targets(random, n)
    operands = {name: draw(random, n) for name, draw in row.operands.items()}
    with np.errstate(all="ignore"):
        results = getattr(reference, row.name).value_and_grad(pred, target, **operands, **parameters, reduction="none")
    for result, formula, terms in zip(
        results, (row.formula, row.derivative), (row.value_terms, row.slope_terms), strict=True
    ):
        for number, point in zip(result, zip(pred, target, *operands.values(), strict=True), strict=True):
            with mpmath.workprec(400):
                exact = formula(*map(mpf, point), *parameters.values())
                size = (terms or formula)(*map(mpf, point), *parameters.values())
                assert abs(mpf(number) - exact) <= mpf(2e-14) * max(abs(exact), abs(size)) + mpf(1e-300), point


def test_reductions_and_weights() -> None:
    pred, target, weight = np.array([1.0, 2, 4]), np.array([1.0, 4, 1]), np.array([1.0, 3, 0.5])
    loss = reference.mse_loss
    np.testing.assert_array_equal(loss(pred, target, weight=weight, reduction="none"), [0, 12, 4.5])
    assert loss(pred, target, weight=weight, reduction="sum") == 16.5
    assert loss(pred, target, weight=weight) == 5.5
    np.testing.assert_array_equal(loss.grad(pred, target, weight=weight), np.array([0, -12, 3]) / 3)
    for reduction in ("none", "sum", "mean"):
        of_reference = loss.value_and_grad(pred, target, weight=weight, reduction=reduction)
        of_library = nf.mse_loss.value_and_grad(pred, target, weight=weight, reduction=reduction)
        for one, other in zip(of_reference, of_library, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-15)


def test_it_needs_numpy_alone() -> None:
    """The package around it, which loads compiled code, is replaced by an empty one; SciPy is missing."""
    program = f"""
import sys, types
sys.modules["npfuse"] = npfuse = types.ModuleType("npfuse")
npfuse.__path__ = [{str(Path(reference.__file__).parent.parent)!r}]
sys.modules["scipy"] = sys.modules["scipy.special"] = None
import numpy as np
from npfuse import reference
assert abs(reference.gelu(1.0) - 0.8413447460685429) < 1e-15
assert reference.softmax_cross_entropy(np.zeros((1, 2)), np.array([1])) == np.log(2)
ours = [name for name in sys.modules if name.startswith("npfuse.")]
assert all(name.startswith("npfuse.reference") for name in ours), ours
"""
    subprocess.run([sys.executable, "-c", program], check=True)
