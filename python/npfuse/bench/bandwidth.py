"""How near the machine's limit we are: beside NumPy's simplest loops that read and write as many numbers."""

from collections.abc import Collection, Iterator
from functools import partial

import numpy as np

import npfuse as nf
from npfuse.bench.bar import Bar, worst
from npfuse.bench.losses import loss_operands
from npfuse.bench.optimizers import OPTIMIZERS, npfuse_call, states_of
from npfuse.bench.suite import IN_CACHE, LARGE, in_words
from npfuse.bench.timing import best_times

PIECEWISE = ("l1_loss", "mse_loss", "huber_loss", "smooth_l1_loss", "quantile_loss", "hinge_loss", "squared_hinge_loss")
"""The losses whose formula is a few multiplications, so that memory is all that limits them."""


def relu_as_a_copy(names: Collection[str]) -> Iterator[Bar]:
    """Compare relu with np.copyto, in cache."""
    if "relu" not in names:
        return
    x = np.random.default_rng(0).normal(size=IN_CACHE).astype(np.float32)
    out = np.empty_like(x)
    times = best_times({"relu": lambda: nf.relu(x, out), "copy": lambda: np.copyto(out, x)}, 25)
    yield Bar("relu in cache over np.copyto", times["relu"] / times["copy"], 1.25)


def over_subtraction(name: str, n: int) -> float:
    """Return a loss's time over that of np.subtract, which reads two arrays and writes one, too."""
    (pred, target), _ = loss_operands(name, (n,))
    out = np.empty_like(pred)
    value_and_grad = getattr(nf, name).value_and_grad
    loss, subtract = partial(value_and_grad, pred, target, out=out), partial(np.subtract, pred, target, out=out)
    times = best_times({"loss": loss, "subtract": subtract}, 11)
    return times["loss"] / times["subtract"]


def losses_as_a_subtraction(names: Collection[str], sizes: Collection[int]) -> Iterator[Bar]:
    """Compare value and gradient of the piecewise losses with a subtraction."""
    chosen = [name for name in PIECEWISE if name in names]
    ratios = {f"{name} of {in_words((n,))}": over_subtraction(name, n) for name in chosen for n in sizes}
    yield from worst("piecewise losses over np.subtract", ratios, 1.25)


def over_passes(name: str) -> float:
    """Return the time of NumPy's passes in place, parameter += gradient and state = -state, over that of a step.

    Together the passes read and write each number as often as the step does.
    """
    param, grad = (np.random.default_rng(seed).normal(size=LARGE).astype(np.float32) for seed in (0, 1))
    states = [np.ones_like(param) for _ in range(states_of(name))]

    def passes() -> None:
        np.add(param, grad, out=param)
        for state in states:
            np.negative(state, out=state)

    times = best_times({"step": npfuse_call(name, [param.copy()], [grad]), "passes": passes}, 11)
    return times["passes"] / times["step"]


def steps_as_passes(names: Collection[str]) -> Iterator[Bar]:
    """Compare the bandwidth of large steps with that of passes over as many arrays."""
    shares = {name: over_passes(name) for name in OPTIMIZERS if name in names}
    yield from worst("bandwidth of a large step over that of NumPy's passes", shares, 0.9, at_least=True)
