"""What the documentation says is there and is true."""

import doctest
import inspect
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import npfuse as nf
import npfuse.optimizers
import npfuse.schedules

ROOT = Path(__file__).parent.parent
PUBLIC = [name for name in nf.__all__ if callable(getattr(nf, name)) and not inspect.isabstract(getattr(nf, name))]
SECTIONS = ["Parameters", "Returns", "Raises", "Notes", "Examples"]
ORDER = ["Parameters", "Returns", "Yields", "Raises", "See Also", "Notes", "References", "Examples"]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def members(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the docstrings of an object, of its public methods and of its properties."""
    yield name, inspect.getdoc(value) or ""
    owner = value if inspect.isclass(value) else type(value)
    if not str(owner.__module__).startswith("npfuse"):  # a ufunc's methods are NumPy's
        return
    for attribute in dir(value):
        if not attribute.startswith("_"):
            yield f"{name}.{attribute}", inspect.getdoc(inspect.getattr_static(value, attribute)) or ""


def documented() -> dict[str, str]:
    """Return every public docstring by the name of what it documents; what is inherited comes once."""
    found: dict[str, str] = {}
    for module in (nf, npfuse.schedules, npfuse.optimizers, nf.losses):
        found[module.__name__] = inspect.getdoc(module) or ""
        for name in module.__all__:
            value = getattr(module, name)
            if not isinstance(value, (ModuleType, str)):
                texts = members(f"{module.__name__}.{name}", value)
                found.update((place, text) for place, text in texts if not text or text not in found.values())
    return found


DOCUMENTED = documented()
WITH_EXAMPLES = [name for name, text in DOCUMENTED.items() if ">>>" in text]


def failures(text: str, name: str) -> str:
    """Run the examples of a text, each name in its own."""
    examples = doctest.DocTestParser().get_doctest(text, {"np": np, "nf": nf}, name, None, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(examples, out=report.append)
    assert runner.tries > 0, f"{name} shows no example"
    return "".join(report)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name: str) -> None:
    assert not failures(DOCUMENTED[name], name)


def test_everything_public_shows_an_example() -> None:
    assert not {f"npfuse.{name}" for name in PUBLIC} - set(WITH_EXAMPLES)
    assert {"npfuse.SGD.step", "npfuse.SGD.state_dict", "npfuse.schedules.one_cycle"} <= set(WITH_EXAMPLES)
    assert {"npfuse.SGD.lr", "npfuse.l1_loss.value_and_grad"} <= set(DOCUMENTED)


def test_everything_public_is_documented() -> None:
    """A loss's own docstring describes its two methods."""
    undocumented = {name for name, text in DOCUMENTED.items() if not text}
    assert not {name for name in undocumented if name.split(".")[-1] not in {"grad", "value_and_grad"}}


def is_operation(name: str) -> bool:
    kinds = (np.ufunc, nf.losses.Loss)
    return isinstance(getattr(nf, name), kinds) or name.removesuffix("_backward") + "_backward" in nf.__all__


OPERATIONS = [name for name in PUBLIC if is_operation(name)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_section_is_there(name: str) -> None:
    lines = inspect.getdoc(getattr(nf, name)).splitlines()
    headings = [line for line, rule in pairwise(lines) if rule and set(rule) == {"-"}]
    assert not set(SECTIONS) - set(headings)
    assert headings == sorted(headings, key=ORDER.index)


@pytest.mark.parametrize("name", PUBLIC)
def test_first_line_is_a_sentence(name: str) -> None:
    text = inspect.getdoc(getattr(nf, name))
    summary = next(line for line in text.splitlines() if line and not line.startswith(f"{name}("))
    assert summary.endswith(".")
    assert len(summary) <= 120


PAGES = [page for page in sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")]) if ">>>" in page.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_the_pages_run(page: Path) -> None:
    threads = nf.get_num_threads()
    report = failures(page.read_text().replace("```", ""), page.name)
    nf.set_num_threads(threads)
    assert not report
