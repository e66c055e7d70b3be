"""What jobs and calls tell of waves."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import simulated
from benchmarks.timeline import Wave, calls_per_wave, gaps, waves_of
from drs_provider.plan.model import Plan
from drs_simulator.scenario import parse_scenario


def job(execution: int, wave: int, created: float, ended: float | None, **fields: Any) -> dict[str, Any]:
    servers = [{"server_id": simulated.server_id(execution, wave)}]
    return {"kind": "LAUNCH", "created_at": created, "ended_at": ended, "servers": servers, **fields}


def call(operation: str, at: float, session: str | None) -> dict[str, Any]:
    return {"service": "drs", "operation": operation, "at": at, "session_name": session}


def test_waves_hold_all_their_jobs_and_end_with_the_last() -> None:
    jobs = [
        job(1, 2, 60.0, None),
        job(1, 1, 10.0, 50.0),
        job(1, 1, 11.0, 55.0),
        job(0, 1, 5.0, 9.0),
        job(0, 1, 20.0, 30.0, kind="TERMINATE"),
    ]
    assert waves_of(jobs, simulated.place_of) == [
        Wave("bench_000", 1, 5.0, 9.0),
        Wave("bench_001", 1, 10.0, 55.0, jobs=2),
        Wave("bench_001", 2, 60.0, None),
    ]


def test_gaps_are_within_an_execution_and_in_the_order_in_which_they_began() -> None:
    waves = [
        Wave("a", 1, 0.0, 50.0),
        Wave("a", 2, 54.0, None),
        Wave("b", 1, 0.0, 40.0),
        Wave("b", 2, 47.0, None),
    ]
    assert [(gap.wave.execution, gap.seconds) for gap in gaps(waves)] == [("b", 7.0), ("a", 4.0)]


@pytest.mark.parametrize("ended", [None, 60.0])
def test_a_wave_that_did_not_wait_is_no_gap(ended: float | None) -> None:
    with pytest.raises(ValueError, match="wave 2 did not wait for wave 1"):
        gaps([Wave("a", 1, 0.0, ended), Wave("a", 2, 54.0, None)])


def test_calls_count_from_the_start_of_a_wave_to_that_of_the_next_one() -> None:
    waves = [Wave("a", n, 100.0 * n, None) for n in (1, 2, 3)] + [
        Wave("b", n, 100.0 * n + 10, None) for n in (1, 2, 3)
    ]
    calls = [
        call("StartRecovery", 99.0, "a"),  # what is before its first wave is not of a wave
        call("StartRecovery", 100.0, "a"),
        call("StartRecovery", 200.0, "a"),
        call("StartRecovery", 300.0, "a"),  # the last wave is not whole
        call("StartRecovery", 110.0, "b"),
        call("StartRecovery", 210.0, "b"),
        *(call("DescribeJobs", float(at), "drs-poll") for at in range(0, 400, 10)),
    ]
    per_wave = calls_per_wave(calls, waves)
    assert per_wave["drs:StartRecovery"] == 1.0
    # 19 polls from 110 to 300, in which three waves began that followed another one.
    assert per_wave["drs:DescribeJobs"] == pytest.approx(19 / 3)


def test_calls_of_nothing_that_follows() -> None:
    with pytest.raises(ValueError, match="no whole wave"):
        calls_per_wave([], [Wave("a", 1, 0.0, 1.0)])


def test_worlds_and_plans_are_such_as_simulator_and_provider_take() -> None:
    servers = [simulated.server_id(7, wave, number) for wave in (1, 2) for number in (0, 1)]
    parse_scenario(simulated.world(servers, simulated.profile(40.0)))
    made = Plan.model_validate(simulated.plan(7, waves=2, servers=2))
    assert made.name == simulated.place_of(job(7, 1, 0.0, None))[0]
    assert [name for group in made.protection_groups.values() for name in group.servers or ()] == servers
