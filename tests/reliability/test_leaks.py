"""Nothing is kept: no memory, no reference, after success or failure."""

import os

import pytest

from reliability.leaks import held
from reliability.test_faults import output_of


@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer brings an allocator of its own"
)
def test_a_leak_would_be_seen():
    kept = []
    memory, _ = held(lambda: kept.append(bytearray(1000)), 100)
    _, blocks = held(lambda: kept.append(object()), 100)
    assert memory >= 1000
    assert blocks >= 1


def test_no_call_keeps_memory_or_references():
    *problems, total = output_of("import sys; from reliability.leaks import main; main()", "20").splitlines()
    assert not problems, "\n".join(problems)
    assert int(total.split()[0]) > 10_000
