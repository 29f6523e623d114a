"""The demo learns, with any of its parts, and its twin in plain NumPy computes the same."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import npfuse as nf
from npfuse import _native
from npfuse.demo import choices, comparison, main
from npfuse.demo.networks import FusedNetwork, ReferenceNetwork, initial_weights

pytest.importorskip("sklearn", reason="the demo reads the digits of scikit-learn")

PARTS = [
    *((activation, "softmax_cross_entropy", "Adam") for activation in choices.ACTIVATIONS),
    *(("silu", loss, "SGD") for loss in choices.LOSSES),
    *(("tanh", "mse_loss", optimizer) for optimizer in choices.OPTIMIZERS),
]


@pytest.mark.parametrize(("activation", "loss", "optimizer"), PARTS, ids=map(" ".join, PARTS))
def test_both_networks_compute_the_same(activation: str, loss: str, optimizer: str) -> None:
    weights = [(w.astype(float), b.astype(float)) for w, b in initial_weights([12, 9, 8, 10], seed=3)]
    options = choices.OPTIMIZERS[optimizer]
    fused = FusedNetwork(weights, activation, loss, partial(getattr(nf, optimizer), **options))
    twin = ReferenceNetwork(weights, activation, loss, optimizer, options)
    random = np.random.default_rng(0)
    for _ in range(8):
        x = random.normal(size=(20, 12))
        target = choices.encode(random.integers(10, size=20), loss)
        target = target.astype(float) if target.dtype == np.float32 else target
        assert fused.train(x, target) == pytest.approx(twin.train(x, target), rel=1e-9)
    for ours, theirs, before in zip(fused.layers, twin.layers, weights, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-8, atol=1e-10)
        assert np.abs(ours[0] - before[0]).max() > 1e-4
    assert (fused.predict(x) == twin.predict(x)).all()


def test_everything_may_be_chosen() -> None:
    assert set(choices.ACTIVATIONS) == set(_native.operations["activations"])
    classes = {name for name in nf.optimizers.__all__ if name[0].isupper()} - {"Optimizer"}
    assert set(choices.OPTIMIZERS) == classes
    of_other_things = {"binary_cross_entropy", "nll_loss", "kl_div", "poisson_nll_loss", "gaussian_nll_loss"}
    assert set(choices.LOSSES) == set(nf.losses.__all__) - of_other_things


@pytest.mark.parametrize("optimizer", choices.OPTIMIZERS)
def test_it_learns_with_every_optimizer(optimizer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--optimizer", optimizer, "--epochs", "12", "--picture", str(tmp_path / "curves.png")]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("test accuracy"))
    ours, numpys = (float(word.strip("%")) for word in line.split()[2:])
    assert ours > 90
    assert numpys == pytest.approx(ours, abs=2)
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_the_comparison_has_every_optimizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison, "LEARNING_RATES", (1e-3, 0.1))
    monkeypatch.setattr(comparison, "SEARCH_EPOCHS", 1)
    assert main(["--compare", "--epochs", "3", "--picture", str(tmp_path / "curves.png")]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.count("%") == 1 and "to 95" not in line]
    assert len(table) == len(choices.OPTIMIZERS) + 2
    accuracy = {line[:14].strip(): float(line.split("%")[0].split()[-1]) for line in table}
    assert accuracy["Adam"] > 90
    assert accuracy["SGD nesterov"] > 90


def test_the_search_takes_the_best_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "LEARNING_RATES", (1e-9, 0.1, 1e9))
    monkeypatch.setattr(comparison, "SEARCH_EPOCHS", 1)
    assert comparison.Digits("relu", "softmax_cross_entropy", seed=0).best_learning_rate(nf.SGD) == 0.1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--optimizer", "Sgd"], "'SGD'"),
        (["--activation", "gulu"], "'gelu'"),
        (["--loss", "nll_loss"], "'softmax_cross_entropy'"),
        (["--compare", "--optimizer", "SGD"], "not allowed"),
        (["--epochs", "0"], "--epochs"),
        (["--seed", "-1"], "--seed"),
        (["--picture", "no/such/directory/curves.png"], "--picture"),
    ],
)
def test_wrong_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    program = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "sklearn" else find(name, *more)
from npfuse.demo import main
main([])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "npfuse[demo]" in run.stderr
