"""What the tests of npfuse.cuda run on: each device that is missing here is one skipped test."""

import pytest

from gpu import compiled_for_the_host, reason_against_host
from npfuse.cuda import _device


@pytest.mark.cuda
def test_a_gpu() -> None:
    if reason := _device.reason_against():
        pytest.skip(reason)
    assert _device.load().__name__.endswith("_cuda")


def test_the_host() -> None:
    if reason := reason_against_host():
        pytest.skip(reason)
    assert compiled_for_the_host().__name__.endswith("_cuda")
