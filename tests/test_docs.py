"""What the documentation says is there and is true."""

import doctest
import inspect
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf

ROOT = Path(__file__).parent.parent
PUBLIC = [name for name in nf.__all__ if callable(getattr(nf, name)) and not inspect.isabstract(getattr(nf, name))]
SECTIONS = ["Parameters", "Returns", "Raises", "Notes", "Examples"]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def failures(text: str, name: str) -> str:
    """Run the examples of a text, each name in its own."""
    examples = doctest.DocTestParser().get_doctest(text, {"np": np, "nf": nf}, name, None, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(examples, out=report.append)
    assert runner.tries > 0, f"{name} shows no example"
    return "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_examples_run(name: str) -> None:
    assert not failures(inspect.getdoc(getattr(nf, name)), name)


def is_operation(name: str) -> bool:
    kinds = (np.ufunc, nf.losses.Loss)
    return isinstance(getattr(nf, name), kinds) or name.removesuffix("_backward") + "_backward" in nf.__all__


@pytest.mark.parametrize("name", [name for name in PUBLIC if is_operation(name)])
def test_every_section_is_there(name: str) -> None:
    lines = inspect.getdoc(getattr(nf, name)).splitlines()
    headings = [line for line, rule in pairwise(lines) if rule and set(rule) == {"-"}]
    missing = [section for section in SECTIONS if section not in headings]
    assert not missing
    assert headings == sorted(
        headings, key=["Parameters", "Returns", "Yields", "Raises", "See Also", "Notes", "References", "Examples"].index
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_first_line_is_a_sentence(name: str) -> None:
    text = inspect.getdoc(getattr(nf, name))
    summary = next(line for line in text.splitlines() if line and not line.startswith(f"{name}("))
    assert summary.endswith(".")
    assert len(summary) <= 120


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")]), ids=lambda page: page.name)
def test_examples_of_the_pages_run(page: Path) -> None:
    text = page.read_text()
    if ">>>" not in text:
        pytest.skip("no examples")
    threads = nf.get_num_threads()
    report = failures(text.replace("```", ""), page.name)
    nf.set_num_threads(threads)
    assert not report
