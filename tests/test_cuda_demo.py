"""The demo on a GPU: the CPU's losses, and a line that says why where it cannot run."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gpu import Device
from npfuse import cuda
from npfuse.cuda import _device
from npfuse.demo import choices, comparison, main, places
from npfuse.demo.networks import FusedNetwork, initial_weights
from npfuse.demo.places import ON_CPU, Place


class Turned:
    """A matrix on its side, as NumPy's products take it."""

    def __init__(self, array: cuda.Array) -> None:
        self.get = lambda: array.get().T

    def __matmul__(self, other: cuda.Array) -> cuda.Array:
        return cuda.asarray(self.get() @ other.get())


@pytest.fixture
def place(device: Device, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place whose array library is NumPy in disguise."""
    added = {
        "T": property(Turned),
        "__matmul__": lambda a, b: cuda.asarray(a.get() @ b.get()),
        "__iadd__": lambda a, b: (a.set(a.get() + b.get()), a)[1],
        "sum": lambda a, axis: cuda.asarray(a.get().sum(axis=axis)),
        "argmax": lambda a, axis: cuda.asarray(a.get().argmax(axis=axis)),
    }
    for name, value in added.items():
        monkeypatch.setattr(cuda.Array, name, value, raising=False)
    return Place(cuda, cuda.asarray, cuda.Array.get, waits=False)


PARTS = [
    ("relu", "softmax_cross_entropy", "Adam"),
    ("gelu", "mse_loss", "SGD"),
    ("mish", "hinge_loss", "Lion"),
    ("tanh", "sigmoid_focal_loss", "NAdam"),
]


@pytest.mark.parametrize(("activation", "loss", "optimizer"), PARTS, ids=map(" ".join, PARTS))
def test_a_network_has_the_cpus_bits(place: Place, activation: str, loss: str, optimizer: str) -> None:
    weights = initial_weights([12, 9, 8, 10], seed=3)
    networks = [
        FusedNetwork(
            weights, activation, loss, partial(getattr(at.kernels, optimizer), **choices.OPTIMIZERS[optimizer]), at
        )
        for at in (place, ON_CPU)
    ]
    random = np.random.default_rng(0)
    for _ in range(3):
        x = random.normal(size=(20, 12)).astype(np.float32)
        target = choices.encode(random.integers(10, size=20), loss)
        on_gpu, on_cpu = (float(network.train(x, target)) for network in networks)
        assert on_gpu == on_cpu
    for on_gpu, on_cpu in zip(*(network.layers for network in networks), strict=True):
        np.testing.assert_array_equal(on_gpu[0].get(), on_cpu[0])
        np.testing.assert_array_equal(on_gpu[1].get(), on_cpu[1])
    assert (networks[0].predict(x) == networks[1].predict(x)).all()


def test_the_command(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn", reason="the demo reads the digits of scikit-learn")
    monkeypatch.setitem(places.PLACES, "cuda", lambda: place)
    monkeypatch.setattr(comparison, "LEARNING_RATES", (0.1,))
    monkeypatch.setattr(comparison, "SEARCH_EPOCHS", 1)
    picture = ["--picture", str(tmp_path / "curves.png")]

    def accuracy(device: str) -> str:
        assert main(["--epochs", "4", "--device", device, *picture]) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("test accuracy"))

    assert accuracy("cuda") == accuracy("cpu")
    assert main(["--epochs", "1", "--device", "cuda", "--compare", *picture]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in choices.OPTIMIZERS)


def test_without_a_gpu_one_line_says_why() -> None:
    reason = _device.reason_against()
    if reason is None:
        pytest.skip("there is a GPU")
    pytest.importorskip("sklearn", reason="the demo reads the digits of scikit-learn")
    command = [sys.executable, "-m", "npfuse", "demo", "--device", "cuda"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == f"--device cuda: {reason}\n"


def test_without_an_array_library_one_line_says_so(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="CuPy or PyTorch"):
        places.on_gpu()


def test_it_learns_with_the_library_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reason = _device.reason_against()
    if reason is not None:
        pytest.skip(reason)
    assert places.on_gpu().kernels is cuda
    assert main(["--device", "cuda", "--epochs", "12", "--picture", str(tmp_path / "curves.png")]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("test accuracy"))
    assert float(line.split()[2].strip("%")) > 90
