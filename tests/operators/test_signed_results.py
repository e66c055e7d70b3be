"""Results, jobs and reports that people changed: verdict and record do not rest on them, and name them."""

from __future__ import annotations

import pytest

from drs_provider import keys
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import ALWAYS, world

KEEP = {"cleanup": "keep"}
ENRICH = "wave_1_first.enrich"
START = "wave_1_first.start_recovery"
WAIT = "wave_1_first.wait_for_recovery"


def better(run: PlanRun) -> None:
    """Let a wave that failed look as if it had completed."""
    result = run.xcom(ENRICH, keys.WAVE_RESULT)
    result["status"], result["serversRecovered"] = "COMPLETED", result["serversTotal"]
    del result["errorMessage"]
    run.xcoms.set(ENRICH, keys.WAVE_RESULT, result)
    run.mark_success(ENRICH)


@pytest.mark.drs_scenario(world({WIKI[0]: {"fail": ALWAYS}}))
def test_trap_37_a_result_changed_by_hand_starts_nothing_and_is_named(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    run.when(ENRICH, "failed", lambda: better(run))
    # Airflow has spread the failure already; whoever does this clears what is behind it.
    run.when(ENRICH, "success", lambda: run.clear("gate_2"))
    assert run.go() == "failed"
    assert play.launched_servers() == [WIKI[0]]
    assert run.stored["status"] == "FAILED"
    assert "wave_result" in run.stored["errorMessage"]
    assert run.outline().waves["first"] == "FAILED"


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ALWAYS}}))
def test_trap_37_the_last_waves_result_changed_by_hand_ends_the_execution_failed(play: Stage) -> None:
    run = play.plan_run(two_waves(), KEEP).approve_everything()
    last = "wave_2_second.enrich"

    def change() -> None:
        result = run.xcom(last, keys.WAVE_RESULT)
        run.xcoms.set(last, keys.WAVE_RESULT, {**result, "status": "COMPLETED", "serversRecovered": 1})

    run.when(last, "failed", change)
    assert run.go() == "failed"
    assert run.stored["status"] == "PARTIAL"
    assert "wave_result" in run.stored["errorMessage"]
    wave = run.wave("second", run.stored)
    assert wave["status"] == "FAILED"
    assert [row["jobId"] for row in wave["jobs"]] == [job.job_id for job in play.jobs()[1:]]


def test_trap_37_a_result_of_another_wave_does_not_count(play: Stage) -> None:
    run = play.plan_run(two_waves(), KEEP).approve_everything()

    def copy() -> None:
        run.xcoms.set("wave_2_second.enrich", keys.WAVE_RESULT, run.xcom(ENRICH, keys.WAVE_RESULT))

    run.when("wave_2_second.enrich", "success", copy)
    assert run.go() == "failed"
    assert "another wave" in run.stored["errorMessage"]


@pytest.mark.parametrize("change", ["deadline", "jobs"])
def test_trap_37_jobs_changed_by_hand_are_not_followed(play: Stage, change: str) -> None:
    run = play.plan_run(two_waves()).approve_everything()

    def tamper() -> None:
        told = run.xcom(START, keys.RECOVERY_JOBS)
        told[change] = told["deadline"] + 86_400 if change == "deadline" else []
        run.xcoms.set(START, keys.RECOVERY_JOBS, told)

    run.when(START, "success", tamper)
    assert run.go() == "failed"
    assert "recovery_jobs" in run.failure(WAIT)
    record = run.stored
    assert record["status"] == "FAILED"
    assert "recovery_jobs" in record["errorMessage"]
    # What was launched is known from DRS, and cleaned up.
    assert [row["jobId"] for row in run.wave("first", record)["jobs"]] == [play.jobs()[0].job_id]
    assert set(play.instances().values()) == {"terminated"}


def test_trap_37_a_cleanup_that_never_was_is_named(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    report = {"action": "terminated", "instances": 2, "terminated": [], "remaining": [], "attempt": 1}

    def forge() -> None:
        run.mark_success(keys.CLEANUP_DRILL)
        run.xcoms.set(keys.CLEANUP_DRILL, keys.CLEANUP, report)

    run.when(keys.CLEANUP_DRILL, "deferred", forge)
    assert run.go() == "failed"
    assert "cleanup_report" in run.failure(keys.FINALIZE)
    assert "may still exist" in run.failure(keys.FINALIZE)


def test_trap_37_the_cleanup_of_an_attempt_before_is_none_of_this_one(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "success"
    run.clear("prepare")
    run.when(keys.HOLD_DRILL, "success", lambda: run.mark_success(keys.CLEANUP_DRILL))
    assert run.go() == "failed"
    assert "cleanup did not run" in run.failure(keys.FINALIZE)
    assert "running" in play.instances().values()
