from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.triggers.cadence import PollSettings, backoff_delay, jittered, steady_delay

SETTINGS = PollSettings(interval_seconds=20, pending_factor=3, max_backoff_seconds=60)
PENDING, STARTED, COMPLETED = {"status": "PENDING"}, {"status": "STARTED"}, {"status": "COMPLETED"}


@pytest.mark.parametrize(
    ("jobs", "due_at", "delay"),
    [
        ([PENDING], None, 60),
        ([PENDING, PENDING], None, 60),
        ([PENDING, STARTED], None, 20),
        ([STARTED], None, 20),
        ([COMPLETED], None, 20),
        ([], None, 20),
        ([PENDING], 1000 + 500, 60),
        ([PENDING], 1000 + 45, 45),
        ([PENDING], 1000 + 5, 20),
        ([PENDING], 1000 - 500, 20),
        ([STARTED], 1000 + 500, 20),
    ],
)
def test_slow_while_pending_fast_when_launches_are_due(jobs, due_at, delay):
    assert steady_delay(SETTINGS, jobs, now=1000, due_at=due_at) == delay


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
        {"pending_factor": 0.5},
        {"jitter": 1},
    ],
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="must"):
        PollSettings(**wrong)
