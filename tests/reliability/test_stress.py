"""Concurrent callers, for a moment; `nox -s threads` looks longer and closer."""

from reliability.stress import Stress


def test_concurrent_callers():
    stress = Stress(2.0)
    stress.run()
    assert not stress.problems
    assert stress.rounds
