"""Annotations can be evaluated, on every Python and without typing_extensions."""

import inspect
import subprocess
import sys
import typing

import pytest

import npfuse as nf
from npfuse._loss import Loss


def public():
    """Yield every public function, class and method with its name."""
    for module in (nf, nf.schedules):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing):
                yield name, thing
                for attribute, method in inspect.getmembers(thing):
                    if inspect.isfunction(method) and method.__module__.startswith("npfuse"):
                        yield f"{name}.{attribute}", method
                    elif isinstance(method, property):
                        yield f"{name}.{attribute}", method.fget
            elif inspect.isfunction(thing):
                yield name, thing
            elif isinstance(thing, Loss):
                yield name, type(thing)
                for attribute in ("__call__", "grad", "value_and_grad"):
                    if inspect.ismethod(getattr(thing, attribute, None)):
                        yield f"{name}.{attribute}", getattr(thing, attribute)


@pytest.mark.parametrize(("name", "thing"), [pytest.param(*pair, id=pair[0]) for pair in public()])
def test_hints_can_be_evaluated(name, thing):
    typing.get_type_hints(thing)


WITHOUT_UNPACK = """
import sys
import typing

if hasattr(typing, "Unpack"):
    del typing.Unpack  # as in Python 3.10
sys.modules["typing_extensions"] = None  # importing it fails
import npfuse as nf

for name in nf.optimizers.__all__:
    thing = getattr(nf, name)
    typing.get_type_hints(thing.__init__ if isinstance(thing, type) else thing)
"""


def test_python_3_10_needs_no_typing_extensions():
    subprocess.run([sys.executable, "-c", WITHOUT_UNPACK], check=True)
