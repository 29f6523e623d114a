"""What the build tells type checkers is what there is; tests/typed_program.py shows what they make of it."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native
from npfuse.bench.overhead import installed_files

FILES = installed_files()


def declarations(stub: str) -> dict[str, ast.stmt]:
    """Return classes and annotated names."""
    found = {}
    for node in ast.parse(FILES[Path(stub)].read_text()).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = node
    return found


def methods(stub: str, name: str) -> dict[str, ast.FunctionDef]:
    """Return what can be called on an object of a class of its own, the last overload of each."""
    found = declarations(stub)
    return {node.name: node for node in found[found[name].annotation.id].body if isinstance(node, ast.FunctionDef)}


def arguments(method: ast.FunctionDef) -> list[str]:
    given = [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs][1:]
    assert all(argument.annotation for argument in given)
    assert method.returns
    return [argument.arg for argument in given]


@pytest.mark.parametrize("name", _native.__all__)
def test_every_operation_is_typed(name: str) -> None:
    if isinstance(getattr(nf, name), np.ufunc) or name.removesuffix("_backward") in _native.operations["rows"]:
        assert ast.unparse(declarations("_native.pyi")[name].annotation) == "np.ufunc"
        return
    operands = ["dy", "x"] if name.endswith("_backward") else ["x"]
    parameters = _native.activation_parameters[name.removesuffix("_backward")]
    assert arguments(methods("_native.pyi", name)["__call__"])[:-3] == [*operands, *parameters]


@pytest.mark.parametrize("name", nf.losses.__all__)
@pytest.mark.parametrize("method", ["__call__", "value_and_grad", "grad"])
def test_every_loss_is_typed(name: str, method: str) -> None:
    with pytest.raises(TypeError) as refusal:
        getattr(getattr(nf, name), method)(0, 0, no_such_argument=0)
    taken = re.search("it takes (.+)", str(refusal.value))[1].split(", ")
    assert sorted(arguments(methods("losses.pyi", name)[method])) == sorted(taken)
