"""The two ways to an optimizer's step, the class and the function, have the same arguments and defaults."""

import inspect

import pytest

import npfuse as nf
from table import OPTIMIZERS

CLASSES = {row.cls.__name__.lower(): row for row in OPTIMIZERS}
STEPS = [name for name in nf.__all__ if name.endswith("_step")]


def defaults_of(function: object) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}


@pytest.mark.parametrize("name", STEPS)
def test_a_function_has_the_defaults_of_its_class(name: str) -> None:
    of_class, of_function = defaults_of(CLASSES[name.removesuffix("_step")].cls), defaults_of(getattr(nf, name))
    both = set(of_class) & set(of_function)
    assert both - {"lr"}, "nothing to compare"
    assert {each: of_function[each] for each in both} == {each: of_class[each] for each in both}


@pytest.mark.parametrize("row", CLASSES.values(), ids=CLASSES)
def test_defaults_are_those_of_the_table(row: object) -> None:
    group = row.cls([]).groups[0]
    found = {**group, **defaults_of(row.cls)}
    assert {name: found[name] for name in row.defaults} == dict(row.defaults)
