"""The demo's command line: train both networks in turn, epoch by epoch, and say how they did."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npfuse as nf
from npfuse.demo import textbook
from npfuse.demo.networks import FusedNetwork, TextbookNetwork, initial_weights

Array = NDArray[Any]

BATCH_SIZE = 64
HIDDEN_SIZES = [256, 128]


def _existing(names: Iterable[str]) -> list[str]:
    return [name for name in names if hasattr(nf, name)]


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line; a wrong name is answered with the right ones."""
    parser = argparse.ArgumentParser(
        prog="npfuse demo", description="Train a small network on scanned digits, beside the same network in NumPy."
    )
    parser.add_argument("--activation", default="relu", choices=_existing(textbook.ACTIVATIONS))
    parser.add_argument("--loss", default="softmax_cross_entropy", choices=_existing(textbook.LOSSES))
    parser.add_argument("--optimizer", default="Adam", choices=_existing(textbook.OPTIMIZERS))
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training set (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--picture", type=Path, default=Path("npfuse-demo.png"), help="where the loss curves go")
    arguments = parser.parse_args(argv)
    if arguments.epochs < 1:
        parser.error(f"argument --epochs: must be at least 1, got {arguments.epochs}")
    if arguments.seed < 0:
        parser.error(f"argument --seed: must not be negative, got {arguments.seed}")
    return arguments


def load_digits(seed: int) -> tuple[Array, Array, Array, Array]:
    """Return the scans and labels to learn from, and those to be tested on (a quarter)."""
    try:
        from sklearn.datasets import load_digits as sklearn_digits
    except ImportError as error:
        raise SystemExit('The demo reads the digits of scikit-learn: pip install "npfuse[demo]"') from error
    scans, labels = sklearn_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(scans))
    scans, labels = (scans[order] / 16).astype(np.float32), labels[order]
    held_out = len(scans) // 4
    return scans[held_out:], labels[held_out:], scans[:held_out], labels[:held_out]


def encode(labels: Array, encoding: str) -> Array:
    """Tell the loss the classes the way it wants them."""
    if encoding == "labels":
        return labels
    one_hot = np.eye(10, dtype=np.float32)[labels]
    return one_hot if encoding == "one-hot" else 2 * one_hot - 1


def progress(epochs: int) -> Iterator[int]:
    """Count the epochs, with a bar where tqdm is there and somebody watches."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(range(epochs))
    return iter(tqdm(range(epochs), desc="training", unit="epoch", disable=not sys.stderr.isatty()))


def draw(path: Path, curves: dict[str, list[float]], title: str) -> bool:
    """Draw the loss curves if matplotlib is there; say whether it was."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss", yscale="log", title=title)
    for (name, values), style in zip(curves.items(), ["-", "--"], strict=True):
        axes.plot(range(1, len(values) + 1), values, style, label=name)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
    return True


def main(argv: list[str]) -> int:
    """Run the demo."""
    arguments = parse(argv)
    train_x, train_labels, test_x, test_labels = load_digits(arguments.seed)
    train_targets = encode(train_labels, textbook.LOSSES[arguments.loss][1])
    weights = initial_weights([train_x.shape[1], *HIDDEN_SIZES, 10], arguments.seed)
    choice = (arguments.activation, arguments.loss, arguments.optimizer)
    fused = FusedNetwork(weights, *choice, options=textbook.OPTIMIZERS[arguments.optimizer][1])
    networks: dict[str, FusedNetwork | TextbookNetwork] = {"npfuse": fused, "NumPy": TextbookNetwork(weights, *choice)}

    seconds: dict[str, list[float]] = {name: [] for name in networks}
    curves: dict[str, list[float]] = {name: [] for name in networks}
    matmul_shares = []
    rng = np.random.default_rng(arguments.seed)
    for _ in progress(arguments.epochs):
        order = rng.permutation(len(train_x))
        batches = [order[i : i + BATCH_SIZE] for i in range(0, len(order), BATCH_SIZE)]
        for name, network in networks.items():
            fused.matmul_seconds = 0.0
            start = perf_counter()
            losses = [network.train(train_x[batch], train_targets[batch]) for batch in batches]
            seconds[name].append(perf_counter() - start)
            curves[name].append(float(np.mean(losses)))
            if network is fused:
                matmul_shares.append(fused.matmul_seconds / seconds[name][-1])

    print(f"\n{' + '.join(choice)}, {arguments.epochs} epochs of {len(train_x)} scans, tested on {len(test_x)} others")
    print(f"{'':24}{'npfuse':>10}{'NumPy':>10}")
    accuracy = {name: float((network.predict(test_x) == test_labels).mean()) for name, network in networks.items()}
    print(f"{'test accuracy':24}{accuracy['npfuse']:>10.2%}{accuracy['NumPy']:>10.2%}")
    milliseconds = {name: 1e3 * median(values) for name, values in seconds.items()}
    print(f"{'time per epoch':24}{milliseconds['npfuse']:>7.2f} ms{milliseconds['NumPy']:>7.2f} ms")
    print(f"{'of it matrix product':24}{median(matmul_shares):>10.0%}")
    print(f"{'NumPy / npfuse':24}{milliseconds['NumPy'] / milliseconds['npfuse']:>9.2f}x")
    if draw(arguments.picture, curves, f"Digits: {' + '.join(choice)}"):
        print(f"loss curves: {arguments.picture}")
    return 0
