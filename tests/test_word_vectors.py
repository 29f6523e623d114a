"""The example learns word vectors that mean something."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the example shows a progress bar")

SOURCE = Path(__file__).parent.parent / "examples" / "word_vectors.py"


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    specification = importlib.util.spec_from_file_location("word_vectors", SOURCE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_pairs_are_counted_by_distance_within_a_text(example: ModuleType) -> None:
    texts = [["cat", "sat", "unknown", "mat"], ["mat", "cat"]]
    counts = example.count_pairs(texts, ["cat", "sat", "mat"])
    expected = [[0, 1, 1 / 2 + 1], [1, 0, 1], [1 / 2 + 1, 1, 0]]
    np.testing.assert_allclose(counts, expected)


def test_gradient(example: ModuleType) -> None:
    vectors = example.Vectors(5, 3, np.random.default_rng(0))
    vectors.tables[:] = [table.astype(np.float64) for table in vectors.tables]
    rows = (np.array([0, 3]), np.array([1, 3]))
    logarithms, weights = np.array([0.5, -1.0]), np.array([1.0, 0.25])
    _, gradients = vectors.gradients(rows, logarithms, weights)
    step = 1e-6
    for table, pairs, gradient in zip(vectors.tables, rows, gradients, strict=True):
        for pair, row in enumerate(pairs):
            for column in range(4):
                values = []
                for move in (step, -2 * step):
                    table[row, column] += move
                    values.append(vectors.gradients(rows, logarithms, weights)[0])
                table[row, column] += step
                assert gradient[pair, column] == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-8)


def test_it_learns(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--packages", "numpy", "--words", "600", "--dimensions", "20", "--epochs", "15", "--seed", "1"]
    assert example.main(arguments) == 0
    printed = capsys.readouterr().out
    objective = [float(value) for value in re.findall(r"mean weighted square ([\d.]+)", printed)]
    assert len(objective) == 15
    assert objective == sorted(objective, reverse=True)
    assert "matrix: " in printed
    found, by_chance = re.search(r"nearest \((\d+)%; by chance ([\d.]+)%\)", printed).groups()
    assert float(found) > 3 * float(by_chance)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--words", "5"], "--words: must be at least 20"),
        (["--epochs", "0"], "--epochs"),
        (["--packages", "no_such_package"], "no package no_such_package"),
        (["--packages", "sys"], "no package sys"),
    ],
)
def test_wrong_arguments(
    example: ModuleType, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        example.main(arguments)
    assert complaint in capsys.readouterr().err
