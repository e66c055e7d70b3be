"""What measurements are compared with: the conventional design, and the fewest calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.conventional import (
    POLL_SECONDS,
    WAIT_BETWEEN_WAVES_SECONDS,
    conventional_calls,
    least_calls,
    next_wave_after,
    polls_of,
    seen_after,
)
from benchmarks.plans import Cycle
from benchmarks.waits import stalls_in


@pytest.mark.parametrize(
    ("took", "late"), [(29.0, 1.0), (30.0, 0.0), (31.0, 29.0), (45.0, 15.0), (539.0, 1.0)]
)
def test_a_job_is_seen_at_the_next_look(took: float, late: float) -> None:
    assert seen_after(1000.0, 1000.0 + took) == pytest.approx(late)
    assert next_wave_after(1000.0, 1000.0 + took) == pytest.approx(late + WAIT_BETWEEN_WAVES_SECONDS)


@given(st.floats(0, 1e9), st.floats(0.1, 1e5))
def test_no_job_is_seen_later_than_a_step_after_its_end(started: float, took: float) -> None:
    assert -1e-3 <= seen_after(started, started + took) <= POLL_SECONDS + 1e-3


@pytest.mark.parametrize(("seconds", "looks"), [(0.0, 1), (1.0, 1), (30.0, 1), (31.0, 2), (300.0, 10)])
def test_looks_at_a_job(seconds: float, looks: int) -> None:
    assert polls_of(seconds) == looks


def test_the_conventional_design_asks_for_each_job_and_each_server() -> None:
    assert conventional_calls(250, 95.0) == {
        "drs:StartRecovery": 3,
        "drs:DescribeJobs": 12,
        "drs:DescribeRecoveryInstances": 250,
        "ec2:DescribeInstances": 250,
    }


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        (2, {"drs:StartRecovery": 1, "drs:DescribeJobLogItems": 1, "drs:DescribeRecoveryInstances": 1}),
        (101, {"drs:StartRecovery": 2, "drs:DescribeJobLogItems": 2, "drs:DescribeRecoveryInstances": 1}),
        (1000, {"drs:StartRecovery": 10, "drs:DescribeJobLogItems": 10, "drs:DescribeRecoveryInstances": 5}),
    ],
)
def test_the_fewest_calls_grow_with_jobs_and_pages(servers: int, expected: dict[str, int]) -> None:
    least = least_calls(servers)
    assert expected.items() <= least.items()
    assert least["drs:DescribeJobs"] == 1
    assert least["drs:GetLaunchConfiguration"] == servers


def test_a_cycle_counts_against_the_time_until_the_next_one() -> None:
    cycle = Cycle(cpu=10.0, interval=30.0)
    assert cycle.core_share == pytest.approx(0.25)
    assert cycle.edit_seconds == pytest.approx(40.0)


def test_stalls_are_read_from_what_airflow_logs() -> None:
    log = (
        "2026-01-01T00:00:00.500000Z [info     ] 3 triggers currently running   [x] loc=a.py:1\n"
        "2026-01-01T00:00:01.500000Z [info     ] Triggerer's async thread was blocked for 0.52 seconds, "
        "exceeding the configured warning threshold of 0.15 seconds.\n"
        "2026-01-01T00:00:02Z [info     ] Triggerer's async thread was blocked for 11.80 seconds, exceeding\n"
    )
    assert stalls_in(log) == [(1767225601.5, 0.52), (1767225602.0, 11.8)]
