from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_provider.core.states import ExecutionType
from drs_provider.rules.drs.phases import Phase, PhaseName
from drs_provider.rules.wave.estimates import (
    Progress,
    launch_phases,
    launch_seconds,
    server_progress,
    wave_progress,
)

DRILL = ExecutionType.DRILL


@pytest.mark.parametrize(
    ("servers", "seconds"), [(0, 0), (1, 536), (2, 536), (5, 1_184), (15, 1_455), (25, 1_726), (4_000, 1_726)]
)
def test_launches_take_what_was_measured(servers, seconds):
    assert launch_seconds(DRILL, servers) == seconds


@settings(deadline=None)
@given(st.sampled_from(ExecutionType), st.integers(0, 300))
def test_more_servers_never_take_less_time(kind, servers):
    assert launch_seconds(kind, servers) <= launch_seconds(kind, servers + 1)


def test_the_documented_profile_has_the_range_of_the_recorded_jobs():
    found = launch_phases(DRILL, 2)
    assert list(found) == ["snapshot", "conversion", "launch"]
    totals = [sum(each[place] for each in found.values()) for place in range(3)]
    assert totals == [pytest.approx(340), pytest.approx(536), pytest.approx(1_436)]


def progress(phases, status="PENDING", now=0.0, **changes):
    return server_progress(phases, status, now=now, expected_launch_seconds=533.0, **changes)


SNAPSHOT = Phase(PhaseName.SNAPSHOT, 0.0, 1.0)
CONVERSION = Phase(PhaseName.CONVERSION, 53.0, 250.0)


def test_a_server_without_a_job_waits():
    assert progress((), None) == Progress("waiting", 0.0, 533.0)


def test_a_launched_server_is_done():
    assert progress((SNAPSHOT, CONVERSION), "LAUNCHED") == Progress("done", 1.0, 0.0)


@pytest.mark.parametrize("status", ["FAILED", "TERMINATED"])
def test_a_failed_server_is_over(status):
    assert progress((SNAPSHOT,), status) == Progress("failed", 1.0, 0.0)


def test_progress_within_a_phase():
    running = Phase(PhaseName.CONVERSION, 53.0)
    found = progress((SNAPSHOT, running), now=150.0)
    assert found.phase == "conversion"
    assert found.fraction == pytest.approx(150 / 533)
    assert found.remaining_seconds == pytest.approx(533 - 150)


def test_the_wait_for_the_next_phase_belongs_to_the_one_before():
    assert progress((SNAPSHOT,), now=30.0).phase == "snapshot"


def test_a_phase_that_overruns_is_nearly_done():
    found = progress((SNAPSHOT, Phase(PhaseName.CONVERSION, 53.0)), now=9_000.0)
    assert found.fraction < 250 / 533
    assert 283 < found.remaining_seconds < 300


def test_a_clock_behind_drs_shows_the_start_of_the_phase():
    assert progress((SNAPSHOT, CONVERSION), now=-500.0).fraction == pytest.approx(53 / 533)


def test_post_launch_actions_are_a_phase_where_they_are_waited_for():
    launch = Phase(PhaseName.LAUNCH, 250.0, 533.0)
    before = progress((SNAPSHOT, CONVERSION, launch), "LAUNCHED", 533.0, post_launch=True)
    assert (before.phase, before.remaining_seconds) == ("post-launch", pytest.approx(600))
    running = Phase(PhaseName.POST_LAUNCH, 533.0)
    found = progress((SNAPSHOT, CONVERSION, launch, running), "LAUNCHED", 833.0, post_launch=True)
    assert found.remaining_seconds == pytest.approx(300)
    done = Phase(PhaseName.POST_LAUNCH, 533.0, 900.0)
    assert progress((launch, done), "LAUNCHED", 900.0, post_launch=True).phase == "done"


def test_a_wave_is_as_slow_as_its_slowest_server():
    found = wave_progress([Progress("done", 1.0, 0.0), Progress("launch", 0.5, 200.0)])
    assert found == Progress("launch", 0.75, 200.0)
    assert wave_progress([]) == Progress("done", 1.0, 0.0)


@settings(deadline=None)
@given(
    st.integers(0, 3),
    st.booleans(),
    st.floats(0, 10_000),
    st.floats(0, 10_000),
    st.floats(0, 10_000),
)
def test_time_never_takes_progress_away(entered, post_launch, expected, now, later):
    phases = [Phase(name, 10.0 * n) for n, name in enumerate(list(PhaseName)[:entered])]

    def at(moment):
        return server_progress(
            phases, "IN_PROGRESS", now=moment, expected_launch_seconds=expected, post_launch=post_launch
        )

    early, late = at(min(now, later)), at(max(now, later))
    assert 0.0 <= early.fraction <= late.fraction < 1.0
    assert early.remaining_seconds >= late.remaining_seconds > 0.0
