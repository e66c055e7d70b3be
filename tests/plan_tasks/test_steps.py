"""Steps around waves: checks that wait, failures that people decide, and what becomes of the wave."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.plan.model import Plan
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.worlds import world

STATUS = {"check": "ec2_status", "timeout_minutes": 30}
WAVE = "wave_1_everything"
STEP = f"{WAVE}.after_ec2_status"
LATE = {"status_checks": "PT15M"}
RECOVERY = {"initiators": ["dr-lead"], "approvers": ["dr-approver-1", "dr-approver-2"]}


def checked(*steps: dict[str, Any], **fields: Any) -> Plan:
    wave = {"name": "everything", "servers": WIKI, "after": list(steps or (STATUS,)), **fields}
    return plan(wave, recovery=RECOVERY)


def drill(play: Stage, made: Plan, conf: dict[str, Any] | None = None) -> PlanRun:
    return play.plan_run(made, conf, step_seconds=60.0).approve_everything()


def recovery(play: Stage, made: Plan, **conf: Any) -> PlanRun:
    return play.plan_run(
        made, recovery_of(made, **conf), user="dr-lead", step_seconds=60.0
    ).approve_everything()


def asking(run: PlanRun, task_id: str) -> list[tuple[str, Any]]:
    """Return the execution's stored status and the request, each time that a task asks people."""
    asked: list[tuple[str, Any]] = []
    opened = run.opened

    def look(ti_id: Any) -> None:
        if run.task_of(ti_id) == task_id:
            execution_id = run.stage.timeline[0]["executionId"]
            asked.append((run.stage.stored(execution_id, "small")["status"], run.request(task_id)))
        opened(ti_id)

    run.opened = look  # type: ignore[method-assign]
    return asked


@pytest.mark.drs_scenario(world(profile=LATE), history=True)
def test_a_wave_waits_for_what_answers_later(play: Stage) -> None:
    run = drill(play, checked())
    seen: list[str] = []
    run.when(STEP, "deferred", lambda: seen.append(run.xcom(f"{WAVE}.enrich", "wave_result")["status"]))
    assert run.go() == "success", run.states
    assert seen == ["POLLING"]
    wave = run.wave("everything")
    assert (run.record["status"], wave["status"]) == ("COMPLETED", "COMPLETED")
    (step,) = wave["steps"]
    assert (step["name"], step["status"], step["servers"]) == (
        "ec2_status",
        "PASSED",
        {"passed": 2, "failed": 0},
    )
    # DRS's end stays; ready is when the last required step had passed.
    assert wave["readyTime"] == step["endTime"] > wave["endTime"] + 600
    assert run.stored["waves"][0]["steps"] == wave["steps"]


@pytest.mark.drs_scenario(world(profile={"status_checks": "PT5H"}))
def test_a_wave_that_never_answers_fails_and_its_retry_checks_again_and_launches_nothing(play: Stage) -> None:
    run = drill(play, checked(), {"cleanup": "keep"})
    assert run.go() == "failed"
    assert (run.states[STEP], run.states[f"{WAVE}.decide"]) == ("failed", "failed")
    wave = run.wave("everything")
    assert (run.record["status"], wave["status"]) == ("FAILED", "FAILED")
    assert "step ec2_status failed: timed out" in wave["errorMessage"]
    assert {row["launchStatus"] for row in wave["serverStatuses"]} == {"LAUNCHED"}
    assert all("ec2_status" in row["error"] for row in wave["serverStatuses"])
    assert "readyTime" not in wave
    jobs, launched = len(play.jobs()), play.launched_servers()
    play.simulator.advance(6 * 3600)
    run.clear(WAVE)
    assert run.go() == "success", run.states
    wave = run.wave("everything")
    assert (run.record["status"], wave["status"], wave["attempt"]) == ("COMPLETED", "COMPLETED", 2)
    assert (wave["steps"][0]["attempt"], wave["steps"][0]["status"]) == (2, "PASSED")
    assert run.stored["waves"][0]["earlierAttempts"][0]["steps"][0]["status"] == "FAILED"
    assert (len(play.jobs()), play.launched_servers()) == (jobs, launched)


@pytest.mark.drs_scenario(world(profile={"status_checks": "PT5H"}), history=True)
def test_people_decide_over_a_failure_in_a_recovery(play: Stage) -> None:
    run = recovery(play, checked({**STATUS, "retries": 1}))
    asked = asking(run, STEP)
    run.answer(STEP, "Accept", user="dr-operator-2", comment="fine").answer(STEP, "Accept")
    run.answer(STEP, "Retry").answer(STEP, "Accept", comment="the checks of this type never end")
    assert run.go() == "success", run.states
    wave = run.wave("everything")
    (step,) = wave["steps"]
    assert (run.record["status"], wave["status"], step["status"]) == ("PARTIAL", "COMPLETED", "ACCEPTED")
    assert (step["acceptedBy"], step["reason"]) == ("dr-approver-1", "the checks of this type never end")
    assert run.refused_answers == [(STEP, "dr-operator-2", 403)]
    assert [ask["outcome"] for ask in step["asks"]] == ["Retry", "Accept"]
    assert [row["decision"] for ask in step["asks"] for row in ask["responses"]] == [
        "Retry",
        "Accept",
        "Accept",
    ]
    assert {status for status, _ in asked} == {"PAUSED"}
    assert "failed: Retry, Accept or Fail?" in asked[0][1].subject
    assert "wiki" in asked[0][1].body
    assert asked[0][1].approvers == ["dr-approver-1", "dr-approver-2"]
