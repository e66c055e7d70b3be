"""Faults that last: throttling, lost connections, ended sessions, services that are down, a DRS that tells late."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.faults.invariants import check_everything, ended_as_if_nothing_had_happened
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import world

START = "wave_1_first.start_recovery"
WAIT = "wave_1_first.wait_for_recovery"
ENRICH = "wave_1_first.enrich"
SEEDS = [
    pytest.param(seed, marks=pytest.mark.drs_scenario(world(seed=seed)), id=f"seed {seed}") for seed in (1, 2)
]


def patient_run(play: Stage) -> PlanRun:
    """Return a drill of two waves, not started, with so short a step that its polls meet many faults."""
    return play.plan_run(two_waves(), step_seconds=120).approve_everything()


def survives(play: Stage, run: PlanRun) -> None:
    colour = run.go()
    play.simulator.clear_faults()
    assert colour == "success", {task: str(row.error) for task, row in run.rows.items() if row.error}
    ended_as_if_nothing_had_happened(play, run, servers=WIKI)


@pytest.mark.parametrize("seed", SEEDS)
def test_trap_09_a_third_of_all_calls_throttled(
    play: Stage, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The harness's connection gives up after two; without a number of its own, the provider's six attempts hold.
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DR"])
    connection["extra"]["config_kwargs"]["retries"] = {"mode": "standard", "total_max_attempts": 6}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection))
    for service in ("drs", "ec2", "sts", "servicequotas"):
        play.simulator.inject(
            "*",
            service=service,
            kind="error",
            code="ThrottlingException" if service != "ec2" else "RequestLimitExceeded",
            message="Rate exceeded",
            status=429,
            probability=0.3,
        )
    run = patient_run(play)
    survives(play, run)
    assert len([call for call in play.simulator.calls(service="*") if call.fault]) > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_trap_16_connections_lost_after_the_call_took_effect(play: Stage, seed: int) -> None:
    play.simulator.inject("StartRecovery", kind="reset", after=True, times=1)
    play.simulator.inject("TerminateRecoveryInstances", kind="reset", after=True, times=1)
    play.simulator.inject("*", service="*", kind="reset", after=True, probability=0.05)
    survives(play, patient_run(play))
    assert len(play.simulator.calls("StartRecovery")) == 2, "one for each wave, the lost one too"


def ended_sessions(play: Stage, run: PlanRun, *, polls: int) -> None:
    """Let the credentials be refused for some polls, from the third one of the first wave on."""
    run.when(
        WAIT,
        "deferred",
        lambda: play.simulator.inject(
            "*", kind="error", code="ExpiredTokenException", message="expired", status=403, times=polls
        ),
        after_steps=2,
    )


@pytest.mark.parametrize("polls", [1, 6])
def test_trap_28_a_session_that_ends_in_the_middle_of_a_wave(play: Stage, polls: int) -> None:
    run = patient_run(play)
    ended_sessions(play, run, polls=polls)
    survives(play, run)
    assert [call for call in play.simulator.calls() if call.error == "ExpiredTokenException"]


def table_down(play: Stage) -> None:
    play.simulator.inject("*", service="dynamodb", kind="error", code="InternalServerError", status=500)


@pytest.mark.parametrize(
    ("from_task", "to_task"), [("prepare", ENRICH), (START, "hold_drill"), (ENRICH, "cleanup_drill")]
)
def test_trap_32_a_table_that_is_down_in_the_middle_is_caught_up(
    play: Stage, from_task: str, to_task: str
) -> None:
    run = patient_run(play)
    run.when(from_task, "success", lambda: table_down(play))
    run.when(to_task, "success", play.simulator.clear_faults)
    survives(play, run)


def test_trap_32_a_table_that_is_down_all_the_time_changes_nothing(play: Stage) -> None:
    table_down(play)
    run = patient_run(play)
    assert run.go() == "success"
    assert run.record["status"] == "COMPLETED"
    check_everything(play, run)
    rows = [row for wave in run.record["waves"] for row in wave["serverStatuses"]]
    assert all(row["instanceId"].startswith("i-") for row in rows)


def test_trap_23_ec2_down_while_a_wave_ends_is_flagged_and_repaired(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"cleanup": "keep"}, step_seconds=120).approve_everything()
    flags: list[Any] = []

    def back() -> None:
        play.simulator.clear_faults()
        flags.append(run.xcom(ENRICH, "wave_result").get("enrichmentIncomplete"))

    run.when(
        WAIT,
        "success",
        lambda: play.simulator.inject(
            "DescribeInstances", service="ec2", kind="error", code="InternalError", status=500
        ),
    )
    run.when(ENRICH, "success", back)
    assert run.go() == "success"
    assert flags == [True]
    check_everything(play, run)
    for wave in run.stored["waves"]:
        assert not wave.get("enrichmentIncomplete")
        assert all(row["instanceId"] and row["privateIp"] for row in wave["serverStatuses"])


@pytest.mark.drs_scenario(world(visibility_delay_seconds=20))
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_trap_16_a_job_that_shows_after_twenty_seconds(play: Stage, lost: bool) -> None:
    if lost:
        play.simulator.inject("StartRecovery", kind="reset", after=True, times=1)
    survives(play, patient_run(play))


@pytest.mark.drs_scenario(world(tags_delay_seconds="never", visibility_delay_seconds=20))
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_trap_16_jobs_whose_tags_never_show(play: Stage, lost: bool) -> None:
    if lost:
        play.simulator.inject("StartRecovery", kind="reset", after=True, times=2)
    survives(play, patient_run(play))


@pytest.mark.parametrize("polls", [0, 1, 3])
def test_trap_06_a_triggerer_that_dies_is_replaced(play: Stage, polls: int) -> None:
    run = patient_run(play)
    run.when(WAIT, "deferred", run.triggerer.restart, after_steps=polls)
    survives(play, run)
