"""A share of the fuzzing that is the same every time; `nox -s fuzz` runs more."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import npfuse as nf
from fuzz.campaign import Campaign, verify_bad, verify_good
from fuzz.catalogue import OPERATIONS
from fuzz.choices import Drawn

NO_OPERATIONS = {"__version__", "Optimizer", "get_num_threads", "schedules", "set_num_threads", "show_config"}
NAMES = sorted({operation.name for operation in OPERATIONS})

deterministic = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=15,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def test_every_public_name_is_fuzzed():
    assert {name.split(".")[0] for name in NAMES} >= set(nf.__all__) - NO_OPERATIONS
    assert {f"schedules.{name}" for name in nf.schedules.__all__} <= set(NAMES)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", NAMES)
@deterministic
@given(data=st.data())
def test_calls_are_right(name, data):
    choices = Drawn(data.draw)
    verify_good(choices.among([operation for operation in OPERATIONS if operation.name == name]), choices)


@pytest.mark.fuzz
@pytest.mark.parametrize(("check", "count"), [(verify_good, 30_000), (verify_bad, 10_000)], ids=["arrays", "bad input"])
def test_many_seeded_calls(check, count):
    campaign = Campaign(check)
    campaign.run(OPERATIONS, iter(range(10**9)), lambda so_far: so_far.arrays >= count)
    messages = [message for messages in campaign.failures.values() for message in messages if message]
    assert not messages, f"{campaign.failed} failures\n" + "\n\n".join(messages)
