"""Tests that ask for a `kernel` run once for each row of the table, direction and choice of parameters."""

from collections.abc import Iterator

import pytest

from gpu import LAST_THREAD_FIRST, Device, device_of_kind
from table import DEFAULT_KERNELS, KERNELS

KERNELS_BY_ARGUMENT = {
    "any_kernel": KERNELS,
    "any_backward": [kernel for kernel in KERNELS if kernel.backward],
    "kernel": DEFAULT_KERNELS,
    "forward": [kernel for kernel in DEFAULT_KERNELS if not kernel.backward],
    "backward": [kernel for kernel in DEFAULT_KERNELS if kernel.backward],
    "parametric": [kernel for kernel in DEFAULT_KERNELS if kernel.parameters],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, kernels in KERNELS_BY_ARGUMENT.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, kernels, ids=[kernel.label for kernel in kernels])


@pytest.fixture(params=[pytest.param("gpu", marks=pytest.mark.cuda), "host"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """What npfuse.cuda runs on while a test that asks for this runs."""
    with device_of_kind(request.param) as chosen:
        yield chosen


@pytest.fixture(params=[pytest.param("gpu", marks=pytest.mark.cuda), "host", LAST_THREAD_FIRST])
def device_in_either_order(request: pytest.FixtureRequest) -> Iterator[Device]:
    """The same, and once more with the threads turned round: a step in which one needs another's result fails."""
    with device_of_kind(request.param) as chosen:
        yield chosen
