"""Values that somebody deletes from a task's state store: found again, or the run refuses and says so."""

from __future__ import annotations

import pytest

from drs_provider import keys
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage
from tests.harness.worlds import world

pytestmark = pytest.mark.drs_scenario(world())

WAVE = "wave_1_everything"
START = f"{WAVE}.start_recovery"


def forget(run: PlanRun, task_id: str) -> None:
    """Delete everything from a task's state store, as people can in Airflow."""
    assert run.stores[task_id], "there is something to delete"
    run.stores[task_id].clear()


def without_tags(play: Stage) -> None:
    for job in play.jobs():
        job.tags.clear()


def test_trap_16_deleted_intents_start_no_second_job(play: Stage) -> None:
    """The job bears no tags: only the intent tells whose it is."""
    play.kill_worker("StartRecovery", after=True)
    run = play.plan_run(plan()).approve_everything()

    def lose() -> None:
        without_tags(play)
        forget(run, START)
        play.simulator.advance(3600)

    run.when(START, "up_for_retry", lose)
    assert run.go() == "success", run.outline()
    assert play.launched_servers() == sorted(WIKI)
    assert run.outline().status == "COMPLETED"
    assert set(play.instances().values()) == {"terminated"}


def test_trap_37_an_approval_that_was_deleted_still_counts(play: Stage) -> None:
    gate = {"approvers": ["dr-approver-1", "dr-approver-2"], "two_people": "always"}
    run = play.plan_run(plan({"name": "everything", "servers": WIKI, "gate": gate}))
    run.answer("gate_1", "Approve").answer("gate_1", "Approve", user="dr-approver-2")
    run.answer(keys.HOLD_DRILL, "Passed")
    asked: list[str] = []

    def lose() -> None:
        asked.append("twice")
        forget(run, "gate_1")

    run.when("gate_1", "scheduled", lambda: run.when("gate_1", "deferred", lose))
    assert run.go() == "success", run.outline()
    assert asked, "it was deleted while the second person was asked"
    answers = run.wave("everything")["gate"]["responses"]
    assert [item["respondedBy"] for item in answers] == ["dr-approver-1", "dr-approver-2"]


def test_what_a_cleanup_found_is_known_although_its_state_was_deleted(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(keys.CLEANUP_DRILL, "deferred", lambda: forget(run, keys.CLEANUP_DRILL))
    assert run.go() == "success", run.outline()
    report = run.record["cleanup"]
    assert len(report["terminated"]) == len(WIKI)
    assert len(report["jobs"]) == 1


def test_trap_14_a_deleted_frozen_plan_is_not_frozen_anew_behind_a_launch(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()

    def lose() -> None:
        forget(run, keys.PREPARE)
        run.clear(keys.PREPARE)

    run.when(f"{WAVE}.wait_for_recovery", "deferred", lose)
    assert run.go() == "failed"
    assert "'frozen_plan' is missing from prepare's task state" in run.failure(keys.PREPARE)
    assert play.launched_servers() == sorted(WIKI)
    assert run.record["status"] == "FAILED"
    assert "'frozen_plan' is missing" in run.record["errorMessage"]


def test_trap_35_a_refused_run_that_is_cleared_is_prepared_anew_with_its_waves(play: Stage) -> None:
    """Nothing was frozen, so nothing is missing; the record that had no waves gets them."""
    run = play.plan_run(plan(), {"preflight": "nonsense"}).approve_everything()
    assert run.go() == "failed"
    run.dag_run.conf = {}
    run.clear(keys.PREPARE)
    assert run.go() == "success", run.outline()
    assert [row["status"] for row in run.stored["attempts"]] == ["FAILED", "COMPLETED"]
    assert (run.stored["totalWaves"], run.stored["completedWaves"]) == (1, 1)
    assert [wave["waveName"] for wave in run.stored["waves"]] == ["everything"]
