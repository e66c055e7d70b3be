"""A run that people stop: CANCELLED, cleaned up, and honest about what still runs."""

from __future__ import annotations

import pytest

from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage

WAIT = "wave_1_first.wait_for_recovery"


def test_trap_15_marked_failed_in_mid_wave(play: Stage) -> None:
    run = play.plan_run(two_waves(), step_seconds=60).approve_everything()
    run.when(WAIT, "deferred", run.mark_failed, after_steps=2)
    assert run.go() == "failed"
    (job,) = play.jobs()
    record = run.stored
    assert record["status"] == "CANCELLED"
    assert run.outline().waves == {"first": "CANCELLED", "second": "CANCELLED"}
    assert run.states[WAIT] == "failed"
    assert run.states["gate_2"] == "skipped"
    assert "stopped" in record["errorMessage"]
    # By then the cleanup has waited for the job and terminated what it launched.
    assert job.status == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}
    assert record["cleanup"]["terminated"] == sorted(play.instances())
    (row,) = run.wave("first", record)["serverStatuses"]
    assert row["recoveryJobId"] == job.job_id


def test_trap_15_jobs_that_still_run_are_named(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"cleanup": "keep"}).approve_everything()
    run.when(WAIT, "deferred", run.mark_failed)
    assert run.go() == "failed"
    (job,) = play.jobs()
    assert job.job_id in run.stored["errorMessage"]
    assert "cannot be cancelled" in run.stored["errorMessage"]


def test_stopped_while_a_gate_waits(play: Stage) -> None:
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    run = play.plan_run(two_waves(second={"gate": gate})).answer("hold_drill", "Passed")
    run.when("gate_2", "deferred", run.mark_failed)
    assert run.go() == "failed"
    assert run.stored["status"] == "CANCELLED"
    assert run.outline().waves == {"first": "COMPLETED", "second": "CANCELLED"}
    assert play.launched_servers() == [WIKI[0]]
    assert set(play.instances().values()) == {"terminated"}


def test_stopped_while_a_drill_is_held(play: Stage) -> None:
    run = play.plan_run(plan())
    run.when("hold_drill", "deferred", run.mark_failed)
    assert run.go() == "failed"
    record = run.stored
    assert record["status"] == "CANCELLED"
    assert run.outline().waves == {"everything": "COMPLETED"}
    assert record["verdict"]["result"] == "not verified"
    assert set(play.instances().values()) == {"terminated"}


def test_stopped_before_prepare_has_decided(play: Stage) -> None:
    run = play.plan_run(plan())
    run.set_state("prepare", "failed")
    run.mark_failed()
    assert run.go() == "failed"
    assert run.stored["status"] == "CANCELLED"
    assert play.simulator.calls() == []


def test_a_late_answer_to_a_gate_of_a_stopped_run_starts_nothing(play: Stage) -> None:
    gate = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
    run = play.plan_run(plan({"name": "everything", "servers": WIKI, "gate": gate}))
    run.when("gate_1", "deferred", run.mark_failed)
    assert run.go() == "failed"
    run.respond("gate_1", "Approve")
    assert run.states["gate_1"] == "failed"
    assert run.go() == "failed"
    assert play.jobs() == []


@pytest.mark.drs_scenario("shop_two_regions")
def test_stopped_while_waves_run_side_by_side(play: Stage) -> None:
    run = play.plan_run("shop_two_regions").approve_everything()
    run.when("wave_3_frontend_central.wait_for_recovery", "deferred", run.mark_failed)
    assert run.go() == "failed"
    assert run.stored["status"] == "CANCELLED"
    assert run.outline().waves == {
        "database": "COMPLETED",
        "frontend_west": "CANCELLED",
        "frontend_central": "CANCELLED",
    }
    assert set(play.instances().values()) == {"terminated"}
    central = play.instances(account="222233334444", region="eu-central-1")
    assert set(central.values()) == {"terminated"}


def test_stopped_while_a_last_task_runs(play: Stage) -> None:
    """Nothing of its wave is left to be skipped, and it looks like one that was killed."""
    run = play.plan_run(plan())
    enrich = "wave_1_everything.enrich"
    run.rows[enrich].tries_left = 0

    def stopped(number: int) -> bool:
        run.mark_failed()
        return True

    play.effects.dies[enrich] = stopped
    assert run.go() == "failed"
    assert run.states[enrich] == "failed"
    assert run.stored["status"] == "CANCELLED"
    assert run.outline().waves == {"everything": "CANCELLED"}
    assert "stopped" in run.stored["errorMessage"]
    assert set(play.instances().values()) == {"terminated"}
