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


def test_a_rise_of_less_than_a_step_begins_at_the_top():
    assert schedules.one_cycle(1.0, 10, rise=0.1)(0) == 1.0
    assert schedules.one_cycle(1.0, 10, rise=1e-9)(0) == pytest.approx(1.0, rel=0.1)


RATES = [0.0, 5e-324, 1e-300, 0.1, 1, 2.0**40]
COUNTS = [1, 2, 3, 10, 1000, 2**53 - 1]


def every_schedule():
    """Yield schedules of all settings that are legal, with the least and the largest learning rate they may return."""
    for lr in RATES:
        yield schedules.constant(lr), lr, lr
        for factor in (0.0, 1e-300, 0.5, 1.0, 1.5, 2.0**40):
            low, high = (0, lr) if factor <= 1 else (min(lr, 2.0**40), 2.0**40)
            yield schedules.exponential(lr, factor), low, high
            for every in COUNTS:
                yield schedules.step(lr, every, factor), low, high
        for other in RATES:
            low, high = min(lr, other), max(lr, other)
            for steps in COUNTS:
                yield schedules.cosine(lr, steps, other), low, high
                yield schedules.warm_up(lr, steps, other), low, high
                yield schedules.warm_up(schedules.cosine(lr, steps), steps, other), 0, high
        for steps in COUNTS[1:]:
            for rise in (5e-324, 1e-9, 0.1, 0.3, 0.5, 1 - 2.0**-53):
                for start_divisor in (1.0, 25.0, 1e300):
                    for final_divisor in (1.0, 1e4, 1e300):
                        low = lr / start_divisor / final_divisor
                        yield schedules.one_cycle(lr, steps, rise, start_divisor, final_divisor), low, lr


def test_every_schedule_is_finite_and_in_its_range_at_every_step():
    count = 0
    for schedule, low, high in every_schedule():
        for taken in (0, 1, 2, 3, 9, 10, 11, 999, 1000, 1001, 10**9, 2**53 - 1, np.int64(7)):
            lr = schedule(taken)
            assert low <= lr <= high, (schedule, taken)
            count += 1
    assert count > 20_000


def test_ends_are_exact():
    for lr, other in ((0.1, 0.3), (0.7, 0.1)):
        for steps in (1, 2, 7, 10**6):
            assert schedules.cosine(lr, steps, other)(0) == lr
            assert schedules.cosine(lr, steps, other)(steps) == other
            assert schedules.warm_up(lr, steps, other)(0) == other
            assert schedules.warm_up(lr, steps, other)(steps) == lr
        assert schedules.one_cycle(lr, 20)(0) == lr / 25
        assert schedules.one_cycle(lr, 20)(19) == lr / 25 / 1e4


def test_divisors_that_leave_the_range_are_refused():
    with pytest.raises(ValueError, match="lr / start_divisor must be"):
        schedules.one_cycle(1.0, 10, start_divisor=1e-320)
    with pytest.raises(ValueError, match="lr / start_divisor / final_divisor must be"):
        schedules.one_cycle(1.0, 10, final_divisor=1e-320)
