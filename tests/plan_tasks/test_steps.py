"""Steps around waves: checks that wait, failures that people decide, and what becomes of the wave."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from drs_provider.plan.model import Plan
from drs_provider.plan_tasks.step import PlanStepOperator
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, recovery_of
from tests.harness.stage import Stage
from tests.harness.worlds import world
from tests.plan_tasks.waiting_operator import WaitingOperator

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


MANUAL = {"check": "manual", "message": "Is *{wave_name}* in order?", "timeout_minutes": 30}
AROUND = {"check": "manual", "message": "Is {execution_type} in order?", "timeout_minutes": 30}
RUNBOOK = {"run": "ssm_automation", "document": "Restart", "modes": ["drill", "recovery"]}
FUNCTION = {"run": "lambda", "function": "tell", "modes": ["drill", "recovery"]}
AUTOMATIONS = {"automations": [{"document": "Restart", "seconds": 300}]}
FUNCTIONS = {"functions": [{"name": "tell", "payload": {"told": 3}}]}


def automations(play: Stage) -> list[str]:
    rows = play.simulator.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    return [row["AutomationExecutionStatus"] for row in rows]


@pytest.mark.drs_scenario(
    world({WIKI[1]: {"impaired": 1.0}}, profile={"status_checks": "PT1M"}), history=False
)
def test_a_step_for_each_server_decides_over_that_server_as_a_failed_launch_does(play: Stage) -> None:
    run = recovery(play, checked(optional={"servers": [WIKI[1]]}))
    assert run.go() == "success", run.states  # nobody is asked: the wave is met
    wave = run.wave("everything")
    rows = {row["sourceServerId"]: row for row in wave["serverStatuses"]}
    assert (run.record["status"], wave["status"]) == ("PARTIAL", "COMPLETED")
    assert "error" not in rows[WIKI[0]]
    assert "step ec2_status failed" in rows[WIKI[1]]["error"]
    assert (wave["steps"][0]["status"], wave["steps"][0]["servers"]) == ("FAILED", {"passed": 1, "failed": 1})


@pytest.mark.drs_scenario(world(), history=False)
def test_steps_stand_where_the_plan_puts_them_and_nothing_acts_before_the_approval(play: Stage) -> None:
    made = plan(
        {
            "name": "first",
            "servers": WIKI[:1],
            "before": [MANUAL],
            "after": [STATUS, {**MANUAL, "together": True}],
        },
        {"name": "second", "servers": WIKI[1:], "after": [{**STATUS, "required": False}]},
        before_first=[AROUND],
        after_last=[AROUND],
        recovery=RECOVERY,
    )
    run = recovery(play, made)
    steps = [
        "before_first.manual",
        "wave_1_first.before_manual",
        "wave_1_first.after_ec2_status",
        "wave_1_first.after_manual",
        "wave_2_second.after_ec2_status",
        "after_last.manual",
    ]
    for task_id in steps:
        run.answer(task_id, "Confirm", comment="looked at it")
    asked: list[Any] = []
    run.when(
        "wave_1_first.before_manual",
        "deferred",
        lambda: asked.append(run.request("wave_1_first.before_manual")),
    )
    assert run.go() == "success", run.states
    ended = [task_id for task_id, state in run.history if state == "success"]
    order = ["gate_1", steps[0], steps[1], "wave_1_first.start_recovery", "wave_1_first.enrich"]
    order += ["wave_1_first.decide", "gate_2", steps[4], "wave_2_second.decide", steps[5], "hold_drill"]
    assert [task_id for task_id in ended if task_id in order] == order
    assert {run.states[task_id] for task_id in steps} == {"success"}
    assert asked[0].body == r"Is \*first\* in order?"
    assert run.record["status"] == "COMPLETED"
    assert [(row["name"], row["place"], row["status"]) for row in run.record["steps"]] == [
        ("manual", "before_first", "PASSED"),
        ("manual", "after_last", "PASSED"),
    ]
    assert run.record["steps"][1]["output"] == "confirmed by dr-approver-1: looked at it"
    finals = {"cleanup_drill", "finalize"}
    assert all(run.dag.get_task(task_id).downstream_task_ids >= finals for task_id in steps)


@pytest.mark.drs_scenario(world(), history=False)
def test_a_rejected_gate_lets_no_step_act(play: Stage) -> None:
    run = recovery(play, checked(before=[MANUAL])).answer("gate_1", "Reject")
    assert run.go() == "failed"
    assert run.states[f"{WAVE}.before_manual"] == "upstream_failed"
    assert (run.record["status"], play.jobs()) == ("CANCELLED", [])


@pytest.mark.drs_scenario(world(services=AUTOMATIONS), history=False)
def test_what_modes_leave_out_does_not_run(play: Stage) -> None:
    run = drill(play, checked({**RUNBOOK, "modes": ["recovery"]}))
    assert run.go() == "success", run.states
    (step,) = run.wave("everything")["steps"]
    assert (step["status"], step["reason"]) == ("SKIPPED", "its modes leave out a DRILL")
    assert (automations(play), run.record["status"]) == ([], "COMPLETED")


@pytest.mark.drs_scenario(world(services=AUTOMATIONS), history=False)
def test_an_action_that_has_passed_is_not_done_again_by_a_retry(play: Stage) -> None:
    run = recovery(play, checked(RUNBOOK, {**MANUAL, "on_failure": "fail"}))
    run.answer(f"{WAVE}.after_manual", "Fail", comment="no logins").answer(
        f"{WAVE}.after_manual", "Confirm", comment="logins"
    )
    assert run.go() == "failed"
    assert "step manual failed: Fail by dr-approver-1: no logins" in run.record["errorMessage"]
    assert automations(play) == ["Success"]
    run.clear(WAVE)
    assert run.go() == "success", run.states
    assert automations(play) == ["Success"]
    runbook, manual = run.wave("everything")["steps"]
    assert (runbook["status"], runbook["attempt"], manual["status"]) == ("PASSED", 2, "PASSED")
    assert len(play.jobs()) == 1


@pytest.mark.drs_scenario(world(services=AUTOMATIONS), history=False)
def test_a_cancelled_execution_stops_what_its_steps_have_begun(play: Stage) -> None:
    run = drill(play, checked(RUNBOOK))
    run.when(f"{WAVE}.after_ssm_automation", "deferred", run.mark_failed)
    assert run.go() == "failed"
    assert (run.record["status"], run.wave("everything")["status"]) == ("CANCELLED", "CANCELLED")
    assert automations(play) == ["Cancelled"]
    (step,) = run.wave("everything")["steps"]
    assert (step["status"], "stillRunning" in step) == ("RUNNING", False)


@pytest.mark.drs_scenario(world(services=AUTOMATIONS), history=False)
def test_what_a_cancelled_execution_cannot_stop_is_named_as_still_running(play: Stage) -> None:
    run = drill(play, checked(RUNBOOK))
    run.when(f"{WAVE}.after_ssm_automation", "deferred", run.mark_failed)
    play.simulator.inject("StopAutomationExecution", service="ssm", code="InternalServerError", status=500)
    assert run.go() == "failed"
    (step,) = run.wave("everything")["steps"]
    (text,) = step["stillRunning"]
    assert "step ssm_automation: ssm_automation" in text
    assert "may still run, it could not be stopped" in text
    assert text in run.record["errorMessage"]
    assert (run.record["status"], automations(play)) == ("CANCELLED", ["InProgress"])


@pytest.mark.drs_scenario(
    world(services={"automations": [{"document": "Restart", "seconds": 7200}]}), history=False
)
def test_an_action_that_is_not_over_in_time_is_stopped(play: Stage) -> None:
    run = drill(play, checked({**RUNBOOK, "timeout_minutes": 30}))
    assert run.go() == "failed"
    assert "timed out" in run.wave("everything")["errorMessage"]
    assert automations(play) == ["Cancelled"]


@pytest.mark.drs_scenario(world(services=FUNCTIONS), history=False)
def test_an_action_of_unknown_outcome_is_repeated_only_if_a_person_says_so(play: Stage) -> None:
    task_id = f"{WAVE}.after_lambda"
    play.kill_worker("Invoke", after=True)
    run = drill(play, checked(FUNCTION)).answer(task_id, "Retry")
    assert run.go() == "success", run.states
    assert len(play.simulator.calls("Invoke", service="lambda")) == 2
    (step,) = run.wave("everything")["steps"]
    assert (step["status"], step["asks"][0]["outcome"]) == ("PASSED", "Retry")


@pytest.mark.drs_scenario(world(profile=LATE), history=False)
def test_trap_37_a_step_that_was_marked_as_success_is_not_believed(play: Stage) -> None:
    run = drill(play, checked(before=[MANUAL])).answer(f"{WAVE}.before_manual", "Confirm", comment="ok")
    run.when(STEP, "deferred", lambda: run.mark_success(STEP))
    assert run.go() == "failed"
    assert "step ec2_status did not come to its end" in run.wave("everything")["errorMessage"]
    play.simulator.advance(3600)
    run = drill(play, checked(before=[MANUAL]))
    run.when(f"{WAVE}.before_manual", "deferred", lambda: run.mark_success(f"{WAVE}.before_manual"))
    jobs = len(play.jobs())
    assert run.go() == "failed"
    assert "its step manual has not come to its end" in run.record["errorMessage"]
    assert len(play.jobs()) == jobs


@pytest.mark.drs_scenario(world(), history=False)
def test_a_step_after_all_waves_that_fails_leaves_the_execution_partial_and_red(play: Stage) -> None:
    made = plan({"name": "everything", "servers": WIKI}, after_last=[AROUND])
    run = drill(play, made).answer("after_last.manual", "Fail", comment="not seen")
    assert run.go() == "failed"
    assert (run.record["status"], run.wave("everything")["status"]) == ("PARTIAL", "COMPLETED")
    assert "step manual in after_last failed" in run.record["errorMessage"]
    assert "not seen" in run.record["errorMessage"]


@pytest.mark.drs_scenario(
    world(services={"functions": [{"name": "tell", "error": "no route"}]}), history=False
)
def test_an_acceptance_before_a_launch_stands_as_well(play: Stage) -> None:
    task_id = f"{WAVE}.before_lambda"
    run = recovery(
        play, plan({"name": "everything", "servers": WIKI, "before": [FUNCTION]}, recovery=RECOVERY)
    )
    run.answer(task_id, "Accept", comment="told by phone")
    assert run.go() == "success", run.states
    (step,) = run.wave("everything")["steps"]
    assert (run.record["status"], step["status"], step["reason"]) == ("PARTIAL", "ACCEPTED", "told by phone")
    assert "no route" in step["output"]
    assert "errorMessage" not in run.record


@pytest.mark.drs_scenario(world(services=AUTOMATIONS), history=False)
def test_an_error_of_a_steps_own_fails_the_wave_with_it(play: Stage) -> None:
    operator = {"run": "operator", "operator": "some.where.Operator", "modes": ["drill"]}
    # Preflight says so before anything starts; what a person starts all the same fails when the step comes.
    run = drill(play, checked(operator), {"preflight": "warn", "reason": "it is known"})
    assert run.go() == "failed"
    assert "some.where.Operator is not in [drs] step_operators" in run.wave("everything")["errorMessage"]


OPERATOR = {
    "run": "operator",
    "operator": f"{WaitingOperator.__module__}.WaitingOperator",
    "arguments": {"text": "{wave_name} waited"},
    "modes": ["drill", "recovery"],
}


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("AIRFLOW__DRS__STEP_OPERATORS", OPERATOR["operator"])
    monkeypatch.setattr(WaitingOperator, "calls", [])
    return WaitingOperator.calls


@pytest.mark.drs_scenario(world(), history=False)
def test_an_inner_operator_goes_on_under_its_own_methods(play: Stage, allowed: list[str]) -> None:
    run = drill(play, checked(OPERATOR))
    assert run.go() == "success", run.states
    assert allowed == ["execute", "first a", "second b"]
    assert run.wave("everything")["steps"][0]["output"] == "everything waited in manual"


@pytest.mark.drs_scenario(world(), history=False)
def test_a_failure_of_an_inner_operator_is_the_steps_and_tried_again_as_often_as_said(
    play: Stage, allowed: list[str]
) -> None:
    failing = {**OPERATOR, "arguments": {"text": "no route", "fails": True}, "retries": 1}
    run = drill(play, checked(failing))
    assert run.go() == "failed"
    assert allowed == ["execute", "first a", "second b"] * 2
    assert "step operator failed: RuntimeError: no route" in run.record["errorMessage"]


@pytest.mark.drs_scenario(world(), history=False)
def test_an_inner_operator_whose_worker_died_is_not_run_again_without_a_persons_word(
    play: Stage, allowed: list[str]
) -> None:
    task_id = f"{WAVE}.after_operator"
    run = drill(play, checked(OPERATOR)).answer(task_id, "Accept", comment="it had ended")
    run.when(task_id, "deferred", lambda: run.take_for_killed(task_id))
    assert run.go() == "success", run.states
    assert allowed == ["execute"]
    (step,) = run.wave("everything")["steps"]
    assert (run.record["status"], step["status"]) == ("PARTIAL", "ACCEPTED")
    assert "whether it ended is not known" in step["output"]


def test_a_kill_is_forwarded_to_the_inner_operator(allowed: list[str]) -> None:
    task = PlanStepOperator(task_id="after_operator", place="after", step_name="operator", wave_number=1)
    task.on_kill()
    assert allowed == []
    task._inner = WaitingOperator(task_id="inner", text="x")
    task.on_kill()
    assert allowed == ["on_kill"]


@pytest.mark.drs_scenario(world(), history=False)
def test_what_a_drills_cleanup_has_terminated_is_not_checked_again_alone(play: Stage) -> None:
    run = drill(play, checked())
    assert run.go() == "success", run.states
    run.clear(STEP)
    assert run.go() == "failed"
    assert "has terminated what wave 1 (everything) launched" in run.failure(STEP)
    run.clear(WAVE)
    assert run.go() == "success", run.states
    assert (run.record["status"], run.record["attempt"]) == ("COMPLETED", 3)


@pytest.mark.drs_scenario(world({WIKI[1]: {"impaired": 1.0}}), history=False)
def test_a_retry_looks_at_all_servers_whatever_steps_below_found_before(play: Stage) -> None:
    made = checked(
        {**STATUS, "name": "one", "required": False, "timeout_minutes": 1},
        {**STATUS, "name": "two", "timeout_minutes": 5},
    )
    run = drill(play, made, {"cleanup": "keep"})
    assert run.go() == "failed"
    run.clear(WAVE)
    assert run.go() == "failed"
    one, two = run.wave("everything")["steps"]
    assert (one["attempt"], one["servers"]) == (2, {"passed": 1, "failed": 1})
    assert (two["attempt"], two["servers"]) == (2, {"passed": 1, "failed": 1})


@pytest.mark.drs_scenario(world(), history=False)
def test_trap_37_the_result_of_one_step_proves_nothing_of_another(play: Stage) -> None:
    run = drill(play, checked(MANUAL, {**MANUAL, "name": "second"}))
    run.answer(f"{WAVE}.after_manual", "Confirm", comment="ok")

    def forge() -> None:
        copies = [
            keys.state_copy_key(f"{WAVE}.after_{name}", keys.STEP_RESULT) for name in ("manual", "second")
        ]
        run.xcoms.set("prepare", copies[1], run.xcom("prepare", copies[0]))
        run.mark_success(f"{WAVE}.after_second")

    run.when(f"{WAVE}.after_second", "deferred", forge)
    assert run.go() == "failed"
    assert "is of another step, after manual" in run.wave("everything")["errorMessage"]


@pytest.mark.drs_scenario(
    world(services={"automations": [{"document": "Restart", "seconds": 1200}]}), history=False
)
def test_servers_have_an_action_done_some_at_a_time_and_within_the_time_of_the_step(play: Stage) -> None:
    one_by_one = {**RUNBOOK, "each": "server", "parallel": 1, "timeout_minutes": 30}
    run = drill(play, checked({**one_by_one, "timeout_minutes": 60}))
    assert run.go() == "success", run.states
    assert run.wave("everything")["steps"][0]["servers"] == {"passed": 2, "failed": 0}
    begun = play.simulator.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    times = sorted(row["ExecutionStartTime"] for row in begun)
    assert (times[1] - times[0]).total_seconds() >= 1200


@pytest.mark.drs_scenario(world(), history=False)
def test_another_execution_is_told_that_a_step_waits_for_people(play: Stage) -> None:
    run = drill(play, checked(MANUAL)).go_until(f"{WAVE}.after_manual")
    other = play.plan_run(plan({"name": "everything", "servers": WIKI}, name="other")).approve_everything()
    assert other.go() == "failed"
    assert f"{WAVE}.after_manual" in other.failure("prepare")
    assert run.xcom(f"{WAVE}.after_manual", keys.ASKING) is True
