"""Learning rates that change."""

import pickle

import numpy as np
import pytest

import npfuse as nf

schedules = nf.schedules


def test_cosine_literally():
    schedule = schedules.cosine(2.0, 10, final=1.0)
    np.testing.assert_allclose([schedule(t) for t in range(10)], 1.5 + 0.5 * np.cos(np.pi * np.arange(10) / 10))
    assert schedule(10) == schedule(1000) == 1.0


def test_one_cycle_literally():
    schedule = schedules.one_cycle(1.0, 101, rise=0.5)
    rates = np.array([schedule(t) for t in range(101)])
    assert rates[0] == pytest.approx(1 / 25)
    assert rates.max() == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(rates[:49]) > 0).all()
    assert (np.diff(rates[51:]) < 0).all()
    assert rates[100] == pytest.approx(1 / 25e4)
    assert schedule(10**6) == rates[100]


def test_warm_up_leads_to_the_schedule():
    schedule = schedules.warm_up(schedules.exponential(1.0, 0.5), 4, start=0.2)
    np.testing.assert_allclose([schedule(t) for t in range(7)], [0.2, 0.4, 0.6, 0.8, 1.0, 0.5, 0.25])
    assert schedules.warm_up(3.0, 3)(1) == 1.0


def test_constant():
    assert {schedules.constant(0.3)(t) for t in range(5)} == {0.3}


@pytest.mark.parametrize("schedule", [schedules.warm_up(schedules.cosine(1.0, 50), 5), schedules.one_cycle(1.0, 50)])
def test_schedules_can_be_pickled(schedule):
    optimizer = nf.SGD([np.zeros(1)], lr=schedule)
    for _ in range(3):
        optimizer.step([np.zeros(1)])
    assert pickle.loads(pickle.dumps(optimizer)).lr == optimizer.lr == schedule(3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: schedules.constant(-1.0), ValueError, "lr must be at least 0"),
        (lambda: schedules.step(1.0, every=0), ValueError, "every must be at least 1"),
        (lambda: schedules.cosine(1.0, 2.5), TypeError, "steps must be an integer"),
        (lambda: schedules.one_cycle(1.0, 1), ValueError, "steps must be at least 2"),
        (lambda: schedules.one_cycle(1.0, 10, rise=1.0), ValueError, "rise must be between 0 and 1"),
        (lambda: schedules.exponential(1.0, np.inf), ValueError, "factor must be finite"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
