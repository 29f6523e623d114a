"""Word vectors after GloVe (Pennington, Socher and Manning, 2014), learnt from the documentation of installed packages.

    python -m pip install ".[demo]" && python examples/word_vectors.py

Words that stand near each other often get vectors with a large product. A batch touches a few thousand rows of two
tables, some of them many times: `step_rows` of Adagrad sums what belongs to one row and leaves the other rows alone.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from time import perf_counter

import numpy as np
from tqdm import tqdm

import npfuse as nf

WINDOW = 10
"""Words further apart than that are no neighbours."""
ENOUGH = 10.0
"""Pairs that are counted more often weigh no more in the objective."""
BATCH_SIZE = 4096
LEARNING_RATE = 0.05
NEAREST = 10
"""As many words count as near a word."""
SHOWN = ("matrix", "random", "integer", "error", "distribution", "tree", "column", "plot")


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", metavar="NAME", nargs="+", default=["numpy", "scipy", "sklearn"])
    parser.add_argument("--words", metavar="N", type=int, default=3000, help="the most frequent get vectors")
    parser.add_argument("--dimensions", metavar="N", type=int, default=50)
    parser.add_argument("--epochs", metavar="N", type=int, default=15)
    parser.add_argument("--seed", metavar="N", type=int, default=0)
    options = parser.parse_args(argv)
    for name, least in {"words": 2 * NEAREST, "dimensions": 1, "epochs": 1, "seed": 0}.items():
        if getattr(options, name) < least:
            parser.error(f"argument --{name}: must be at least {least}, got {getattr(options, name)}")
    for name in options.packages:
        if not directory_of(name):
            parser.error(f"argument --packages: there is no package {name}")
    return options


def directory_of(package: str) -> Path | None:
    """Return where the sources of a package are, if it is installed."""
    specification = importlib.util.find_spec(package) if package.isidentifier() else None
    places = specification.submodule_search_locations if specification else None
    return Path(places[0]) if places else None


def docstrings(package: str) -> Iterator[str]:
    """Yield every docstring in the sources of a package."""
    sources = sorted(directory_of(package).rglob("*.py"))
    for source in tqdm(sources, desc=f"reading {package}", unit="file", leave=False, disable=None):
        if "tests" in source.parts:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node, clean=False) or ""


def read(packages: list[str]) -> list[list[str]]:
    """Return the words of each docstring, without its examples of code; each docstring once."""
    texts = dict.fromkeys(chain.from_iterable(map(docstrings, packages)))
    code = re.compile(r"^\s*(>>>|\.\.\.).*$", flags=re.MULTILINE)
    return [re.findall(r"[a-z]{2,}", code.sub("", text).lower()) for text in texts]


def count_pairs(texts: list[list[str]], vocabulary: list[str]) -> np.ndarray:
    """Return for each two words how often they stand near each other, those d words apart counting 1/d."""
    number = {word: i for i, word in enumerate(vocabulary)}
    known = [[number[word] for word in text if word in number] for text in texts]
    words = np.array(list(chain.from_iterable(known)))
    text_of = np.repeat(np.arange(len(known)), [len(text) for text in known])
    counts = np.zeros(len(vocabulary) ** 2)
    for distance in range(1, WINDOW + 1):
        together = text_of[:-distance] == text_of[distance:]
        pairs = (words[:-distance] * len(vocabulary) + words[distance:])[together]
        counts += np.bincount(pairs, minlength=counts.size) / distance
    counts = counts.reshape(len(vocabulary), -1)
    return counts + counts.T


class Vectors:
    """Two vectors for each word, as the one in the middle and as its neighbour; the last column is a bias."""

    def __init__(self, words: int, dimensions: int, rng: np.random.Generator) -> None:
        shape = (words, dimensions + 1)
        self.tables = [((rng.random(shape) - 0.5) / dimensions).astype(np.float32) for _ in range(2)]
        groups = [{"params": [table]} for table in self.tables]
        self.optimizer = nf.Adagrad(groups, lr=LEARNING_RATE, initial_accumulator_value=1.0)

    def gradients(
        self, rows: tuple[np.ndarray, np.ndarray], logarithms: np.ndarray, weights: np.ndarray
    ) -> tuple[float, list[np.ndarray]]:
        """Return the sum of the weighted squares over a batch of pairs, and its gradient for each of their rows."""
        middle, neighbour = (table[pairs] for table, pairs in zip(self.tables, rows, strict=True))
        biases = middle[:, -1] + neighbour[:, -1]
        middle[:, -1] = neighbour[:, -1] = 1  # so that each is the derivative of the sum by the other, bias included
        error = np.einsum("ij,ij->i", middle, neighbour) - 1 + biases - logarithms
        slope = (2 * weights * error)[:, None]
        return float(weights @ error**2), [slope * neighbour, slope * middle]

    def train(self, batch: tuple[np.ndarray, ...]) -> float:
        """Take one step; return the batch's part of the objective."""
        rows, logarithms, weights = batch[:2], *batch[2:]
        value, gradients = self.gradients(rows, logarithms, weights)
        for table, (pairs, gradient) in enumerate(zip(rows, gradients, strict=True)):
            self.optimizer.step_rows(table, pairs, gradient)
        return value

    def directions(self) -> np.ndarray:
        """Return the sum of both vectors of each word, of length 1."""
        total = sum(table[:, :-1] for table in self.tables)
        return total / np.linalg.norm(total, axis=1, keepdims=True)


def nearest(directions: np.ndarray) -> np.ndarray:
    """Return for each word the numbers of the words with the smallest angle to it, itself left out."""
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1)[:, :NEAREST]


def plurals_found(vocabulary: list[str], neighbours: np.ndarray) -> tuple[int, int]:
    """Return how many words have their plural among their neighbours, and how many have one in the vocabulary."""
    number = {word: i for i, word in enumerate(vocabulary)}
    pairs = [(number[word], number[f"{word}s"]) for word in vocabulary if f"{word}s" in number]
    return sum(plural in neighbours[word] for word, plural in pairs), len(pairs)


def numpy_step(table: np.ndarray, squares: np.ndarray, rows: np.ndarray, gradient: np.ndarray) -> None:
    """Take the same step of Adagrad in plain NumPy."""
    unique, place = np.unique(rows, return_inverse=True)
    total = np.zeros((len(unique), table.shape[1]), table.dtype)
    np.add.at(total, place, gradient)
    squares[unique] += total**2
    table[unique] -= LEARNING_RATE * total / (np.sqrt(squares[unique]) + 1e-10)


def compare_steps(vectors: Vectors, batch: tuple[np.ndarray, ...]) -> tuple[float, float]:
    """Return the seconds that a step of one table takes here and in plain NumPy; both must come to the same."""
    rows, (gradient, _) = batch[0], vectors.gradients(batch[:2], *batch[2:])[1]
    ours, theirs = (vectors.tables[0].copy() for _ in range(2))
    optimizer = nf.Adagrad([ours], lr=LEARNING_RATE, initial_accumulator_value=1.0)
    squares = np.ones_like(theirs)
    seconds = []
    for _ in range(9):
        start = perf_counter()
        optimizer.step_rows(0, rows, gradient)
        middle = perf_counter()
        numpy_step(theirs, squares, rows, gradient)
        seconds.append((middle - start, perf_counter() - middle))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    fastest = np.min(seconds, axis=0)
    return float(fastest[0]), float(fastest[1])


def main(argv: list[str]) -> int:
    """Learn the vectors and show who is near whom."""
    options = parse(argv)
    texts = read(options.packages)
    frequencies = Counter(chain.from_iterable(texts))
    vocabulary = [word for word, _ in frequencies.most_common(options.words)]
    counts = count_pairs(texts, vocabulary)
    middle, neighbour = np.nonzero(counts)
    if len(middle) < BATCH_SIZE:
        raise SystemExit(f"too little text: {len(middle)} pairs of words")
    found = counts[middle, neighbour]
    pairs = [
        middle.astype(np.int32),
        neighbour.astype(np.int32),
        np.log(found).astype(np.float32),
        np.minimum(found / ENOUGH, 1).astype(np.float32) ** 0.75,
    ]
    print(
        f"{sum(frequencies.values()):,} words in {len(texts):,} docstrings of {', '.join(options.packages)}; "
        f"{len(vocabulary):,} words with vectors, {len(middle):,} pairs of them near each other"
    )

    rng = np.random.default_rng(options.seed)
    vectors = Vectors(len(vocabulary), options.dimensions, rng)
    epochs = tqdm(range(1, options.epochs + 1), desc="training", unit="epoch", leave=False, disable=None)
    for epoch in epochs:
        objective = sum(map(vectors.train, nf.minibatches(pairs, BATCH_SIZE, rng=rng))) / len(middle)
        epochs.write(f"epoch {epoch:3}: mean weighted square {objective:.4f}", file=sys.stdout)

    neighbours = nearest(vectors.directions())
    for word in SHOWN:
        if word in vocabulary:
            print(f"{word:>14}: {', '.join(vocabulary[i] for i in neighbours[vocabulary.index(word)][:6])}")
    found_plurals, plurals = plurals_found(vocabulary, neighbours)
    print(
        f"{found_plurals} of {plurals} words have their plural among their {NEAREST} nearest "
        f"({found_plurals / max(plurals, 1):.0%}; by chance {NEAREST / (len(vocabulary) - 1):.1%})"
    )
    ours, theirs = compare_steps(vectors, next(nf.minibatches(pairs, BATCH_SIZE, rng=rng)))
    print(f"a step of {BATCH_SIZE:,} rows: npfuse {1e3 * ours:.2f} ms, NumPy {1e3 * theirs:.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
