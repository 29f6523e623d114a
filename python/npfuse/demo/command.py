"""The demo's command line: train both networks in turn, epoch by epoch, and say how they did."""

from __future__ import annotations

import argparse
import importlib.util
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from npfuse._progress import progress
from npfuse.demo import choices, comparison
from npfuse.demo.networks import FusedNetwork, ReferenceNetwork, initial_weights
from npfuse.demo.picture import draw
from npfuse.demo.places import PLACES, Place
from npfuse.demo.training import HIDDEN_SIZES, Course, accuracy, load_digits, one_thread_for_products


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line; a wrong name is answered with the right ones."""
    parser = argparse.ArgumentParser(
        prog="python -m npfuse demo",
        description="Train a small network on scanned digits, beside the same network in NumPy.",
    )
    parser.add_argument("--activation", default="relu", choices=choices.ACTIVATIONS)
    parser.add_argument("--loss", default="softmax_cross_entropy", choices=choices.LOSSES)
    learning = parser.add_mutually_exclusive_group()
    learning.add_argument("--optimizer", default="Adam", choices=choices.OPTIMIZERS)
    learning.add_argument("--compare", action="store_true", help="train with every optimizer and compare them")
    parser.add_argument("--device", default="cpu", choices=PLACES, help="where the network computes (default: cpu)")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training set (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--picture", type=Path, default=Path("npfuse-demo.png"), help="where the loss curves go")
    arguments = parser.parse_args(argv)
    if arguments.epochs < 1:
        parser.error(f"argument --epochs: must be at least 1, got {arguments.epochs}")
    if arguments.seed < 0:
        parser.error(f"argument --seed: must not be negative, got {arguments.seed}")
    if not arguments.picture.parent.is_dir():
        parser.error(f"argument --picture: there is no directory {arguments.picture.parent}")
    return arguments


def race_numpy(arguments: argparse.Namespace, place: Place) -> dict[str, list[float]]:
    """Train the network and its twin, say how both did, and return their losses."""
    train_x, train_labels, test_x, test_labels = load_digits(arguments.seed)
    targets = choices.encode(train_labels, arguments.loss)
    weights = initial_weights([train_x.shape[1], *HIDDEN_SIZES, 10], arguments.seed)
    parts, options = (arguments.activation, arguments.loss), choices.OPTIMIZERS[arguments.optimizer]
    fused = FusedNetwork(weights, *parts, partial(getattr(place.kernels, arguments.optimizer), **options), place)
    plain = ReferenceNetwork(weights, *parts, arguments.optimizer, options)

    ours, numpys = Course(), Course()
    matmul_shares = []
    for epoch in progress(range(arguments.epochs), "training", "epoch"):
        fused.matmul_seconds = 0.0
        ours.train(fused, train_x, targets, np.random.default_rng([arguments.seed, epoch]))
        matmul_shares.append(fused.matmul_seconds / ours.seconds[-1])
        numpys.train(plain, train_x, targets, np.random.default_rng([arguments.seed, epoch]))

    print(f"{' + '.join([*parts, arguments.optimizer])}, {arguments.epochs} epochs of {len(train_x)} scans, ", end="")
    print(f"tested on {len(test_x)} others" + ("" if arguments.device == "cpu" else "; npfuse on a GPU"))
    print(f"{'':24}{'npfuse':>10}{'NumPy':>10}")
    found = [accuracy(network, test_x, test_labels) for network in (fused, plain)]
    print(f"{'test accuracy':24}{found[0]:>10.2%}{found[1]:>10.2%}")
    milliseconds = [1e3 * median(course.seconds) for course in (ours, numpys)]
    print(f"{'time per epoch':24}{milliseconds[0]:>7.2f} ms{milliseconds[1]:>7.2f} ms")
    if place.waits:
        print(f"{'of it matrix product':24}{median(matmul_shares):>10.0%}")
    print(f"{'NumPy / npfuse':24}{milliseconds[1] / milliseconds[0]:>9.2f}x")
    return {"npfuse": ours.losses, "NumPy": numpys.losses}


def main(argv: list[str]) -> int:
    """Run the demo."""
    arguments = parse(argv)
    title = f"Digits: {arguments.activation} + {arguments.loss}"
    if importlib.util.find_spec("sklearn") is None:
        raise SystemExit(
            'the demo reads the digits of scikit-learn, which is not installed: pip install "npfuse[demo]"'
        )
    place = PLACES[arguments.device]()
    with one_thread_for_products():
        if arguments.compare:
            curves = comparison.compare(arguments.activation, arguments.loss, arguments.epochs, arguments.seed, place)
        else:
            curves = race_numpy(arguments, place)
            title += f" + {arguments.optimizer}"
    if draw(arguments.picture, curves, title):
        print(f"loss curves: {arguments.picture}")
    return 0
