"""Tests that ask for a `kernel` run once for each row of the table, direction and choice of parameters."""

from collections.abc import Iterator

import pytest

from gpu import LAST_THREAD_FIRST, Device, device_of_kind, reason_against_host
from npfuse.cuda import _device
from table import DEFAULT_KERNELS, KERNELS

FORWARD = [kernel for kernel in DEFAULT_KERNELS if not kernel.backward]
PARAMETRIC = [kernel for kernel in DEFAULT_KERNELS if kernel.parameters]

KERNELS_BY_ARGUMENT = {
    "any_kernel": KERNELS,
    "any_forward": [kernel for kernel in KERNELS if not kernel.backward],
    "any_backward": [kernel for kernel in KERNELS if kernel.backward],
    "kernel": DEFAULT_KERNELS,
    "forward": FORWARD,
    "backward": [kernel for kernel in DEFAULT_KERNELS if kernel.backward],
    "parametric": PARAMETRIC,
    "with_defaults": [kernel for kernel in PARAMETRIC if not kernel.function.required],
    "through_origin": [kernel for kernel in FORWARD if kernel.activation.crosses_the_origin],
    "unary": [kernel for kernel in FORWARD if not kernel.parameters],
    "binary": [kernel for kernel in DEFAULT_KERNELS if not kernel.parameters and kernel.backward],
}

MISSING = "missing"


def kinds(*on_host: str) -> list:
    """Return what npfuse.cuda can run on here; tests/test_devices.py is skipped, once, for each that is missing."""
    gpu = [] if _device.reason_against() else [pytest.param("gpu", marks=pytest.mark.cuda)]
    return gpu + ([] if reason_against_host() else list(on_host)) or [MISSING]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, kernels in KERNELS_BY_ARGUMENT.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, kernels, ids=[kernel.label for kernel in kernels])
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", kinds("host"), indirect=True)
    if "device_in_either_order" in metafunc.fixturenames:
        metafunc.parametrize("device_in_either_order", kinds("host", LAST_THREAD_FIRST), indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Drop the tests that no device here can run."""

    def can_run(item: pytest.Item) -> bool:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        return all(value is not MISSING for value in parameters.values())

    items[:] = filter(can_run, items)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """What npfuse.cuda runs on while a test that asks for this runs."""
    with device_of_kind(request.param) as chosen:
        yield chosen


@pytest.fixture
def device_in_either_order(request: pytest.FixtureRequest) -> Iterator[Device]:
    """The same, and once more with the threads turned round: a step in which one needs another's result fails."""
    with device_of_kind(request.param) as chosen:
        yield chosen
