from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.triggers.cadence import PollSettings, backoff_delay, jittered, steady_delay

SETTINGS = PollSettings(interval_seconds=20, waiting_factor=3, max_backoff_seconds=60)


def job(status, *launch_statuses):
    servers = [{"launchStatus": launch} if launch else {} for launch in launch_statuses]
    return {"status": status, **({"participatingServers": servers} if servers else {})}


@pytest.mark.parametrize(
    ("jobs", "delay"),
    [
        ([job("PENDING", "PENDING")], 60),
        # STARTED says nothing: recorded 68 s after the creation, while all 25 servers were PENDING.
        ([job("STARTED", "PENDING", "PENDING")], 60),
        ([job("STARTED", "PENDING"), job("PENDING", "PENDING")], 60),
        ([job("STARTED", None), job("PENDING")], 60),
        ([job("STARTED", "PENDING"), job("STARTED", "PENDING", "IN_PROGRESS")], 20),
        ([job("STARTED", "PENDING", "LAUNCHED")], 20),
        ([job("STARTED", "PENDING", "FAILED")], 20),
        ([job("COMPLETED", "PENDING")], 20),
        ([job("COMPLETED")], 20),
        ([], 20),
    ],
)
def test_launch_states_decide_the_pace(jobs, delay):
    assert steady_delay(SETTINGS, jobs, launching=False) == delay
    assert steady_delay(SETTINGS, jobs, launching=True) == 20


@given(st.integers(1, 5000), st.integers())
def test_backoff_grows_to_a_bound(failures, seed):
    delay = backoff_delay(SETTINGS, failures, asked=None, random=Random(seed))
    assert 10 <= delay <= 60
    if failures == 1:
        assert delay <= 20
    if failures >= 3:
        assert delay >= 30


def test_backoff_differs_from_poller_to_poller():
    assert len({backoff_delay(SETTINGS, 3, asked=None, random=Random(seed)) for seed in range(20)}) == 20


def test_backoff_waits_as_long_as_aws_asks():
    assert backoff_delay(SETTINGS, 1, asked=300, random=Random(1)) == 300
    assert backoff_delay(SETTINGS, 3, asked=0.5, random=Random(1)) >= 30


@given(st.integers())
def test_jitter_stays_within_its_share(seed):
    assert 18 <= jittered(SETTINGS, 20, Random(seed)) <= 22


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval_seconds": 0},
        {"max_backoff_seconds": -1},
        {"renew_seconds": 0},
        {"min_gap_seconds": -1},
        {"error_budget_seconds": -1},
        {"waiting_factor": 0.5},
        {"jitter": 1},
    ],
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="must"):
        PollSettings(**wrong)
