from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.rules.wave.estimates import LAUNCH_SECONDS
from drs_provider.triggers.cadence import (
    Launches,
    Outlook,
    PollSettings,
    backoff_delay,
    jittered,
    steady_delay,
)

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
    assert steady_delay(SETTINGS, jobs, None, now=0) == delay


LAUNCHING = [job("STARTED", "IN_PROGRESS", "IN_PROGRESS")]


@pytest.mark.parametrize(
    ("now", "delay"),
    [
        (1_000, 20),
        (1_060, 20),
        (1_075, 10),
        (1_084, 2.0),
        (1_085, 2.0),
        (1_149, 2.0),
        (1_150, 20),
        (9_000, 20),
    ],
)
def test_polls_are_close_around_the_expected_end_of_the_launches(now, delay):
    assert steady_delay(SETTINGS, LAUNCHING, Outlook(1_000, 100), now=now) == delay


@pytest.mark.parametrize(
    ("now", "delay"), [(1_031, 2.0), (1_054, 2.0), (1_055, 20), (1_090, 2.0), (1_151, 20)]
)
def test_polls_are_close_while_servers_of_the_job_have_just_ended(now, delay):
    jobs = [job("STARTED", "IN_PROGRESS", "LAUNCHED")]
    assert steady_delay(SETTINGS, jobs, Outlook(1_000, 100, ended=1_030), now=now) == delay


def test_a_late_end_of_one_is_followed_beyond_the_expected_end():
    jobs = [job("STARTED", "IN_PROGRESS", "LAUNCHED")]
    assert steady_delay(SETTINGS, jobs, Outlook(1_000, 100, ended=1_145), now=1_160) == 2.0


@pytest.mark.parametrize(("now", "delay"), [(1_031, 1.0), (1_035, 1.0), (1_036, 2.0), (1_055, 20)])
def test_polls_are_closest_between_the_end_of_all_servers_and_that_of_their_job(now, delay):
    jobs = [job("COMPLETED", "LAUNCHED"), job("STARTED", "FAILED", "LAUNCHED")]
    assert steady_delay(SETTINGS, jobs, Outlook(1_000, 100, ended=1_030), now=now) == delay


def test_ended_jobs_are_looked_at_at_the_usual_pace():
    assert steady_delay(SETTINGS, [job("COMPLETED", "LAUNCHED")], Outlook(1_000, 100), now=1_100) == 20


def test_a_short_interval_is_never_exceeded_by_the_close_one():
    assert steady_delay(PollSettings(interval_seconds=1), LAUNCHING, Outlook(1_000, 100), now=1_100) == 1


def test_launches_are_expected_to_take_what_they_took_lately():
    seen = Launches()
    assert seen.expected == LAUNCH_SECONDS
    seen.took([40, 41, 90])
    assert seen.expected == 41
    seen.took([50] * 100)
    assert seen.expected == 50


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
