"""Steps on the command line: what has begun is shown, what asks is answered, what failed is cleared."""

from __future__ import annotations

import json

import pytest

from drs_provider import keys
from drs_provider.acts import answering
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.plan_tasks import step
from tests.cli.airflow_server import complete, end, new_run, tell

GROUP = "wave_1_database"
CHECK, RUNBOOK, DECIDE = f"{GROUP}.after_http", f"{GROUP}.after_warm", f"{GROUP}.decide"
FIRST, LAST = "before_first.fence", "after_last.dns_change"


@pytest.fixture
def run(airflow):
    """An execution with steps, of which the first has passed and the check of wave 1 has begun."""
    run = airflow.add(new_run())
    complete(run, 1)
    run.tasks |= {FIRST: "success", CHECK: "deferred", RUNBOOK: None, DECIDE: None, LAST: None}
    keep(run, FIRST, "PASSED", output="confirmed by dr-lead: fenced")
    keep(run, CHECK, "RUNNING")
    return run


def keep(run, task_id, status, **fields):
    run.xcoms[keys.PREPARE, keys.state_copy_key(task_id, keys.STEP_RESULT)] = {"status": status, **fields}


def asks(run, *options):
    keep(run, CHECK, "ASKING", output="0 of 2 servers passed")
    run.ask(CHECK)
    run.questions[CHECK]["options"] = list(options or ("Retry", "Accept", "Fail"))
    run.xcoms[CHECK, keys.ASKING] = True


def test_the_answers_are_those_that_steps_offer():
    assert set(answering.STEP_ANSWERS.values()) == {step.RETRY, step.ACCEPT, step.FAIL, step.CONFIRM}


def test_steps_are_shown_and_a_check_that_waits_is_no_pause(drs, run):
    data = json.loads(drs("status", "CHG1", "-o", "json").out)
    assert data["status"] == "POLLING"
    assert data["waves"][0]["status"] == "POLLING"
    assert data["waves"][0]["steps"] == [{"name": "http", "place": "after", "status": "RUNNING"}]
    assert data["stepsAround"][0]["output"] == "confirmed by dr-lead: fenced"
    shown = drs("status", "CHG1").out
    assert "wave 1 database, step http: RUNNING" in shown
    assert "before_first, step fence: PASSED, confirmed by dr-lead: fenced" in shown


def test_a_step_that_asks_pauses_the_execution_and_says_how_to_answer(drs, run):
    asks(run)
    data = json.loads(drs("status", "CHG1", "-o", "json").out)
    (question,) = data["questions"]
    assert (data["status"], question["step"], question["onTimeout"]) == ("PAUSED", "http", "fail")
    shown = " ".join(drs("status", "CHG1").out.split())
    assert "step http of wave 1 database waits for" in shown
    assert "airflow drs answer-step erp/CHG1 retry --step http --wave database" in shown
    assert "airflow drs answer-step erp/CHG1 accept --step http --wave database --comment" in shown


@pytest.mark.parametrize("word", ["retry", "accept", "fail"])
def test_what_a_step_asks_is_answered(airflow, drs, run, word):
    asks(run)
    airflow.answered = tell
    done = drs("answer-step", "CHG1", word, "--comment", "known fault")
    assert done.code == ExitCode.OK, done.err
    option = word.capitalize()
    assert airflow.sent("PATCH", "hitlDetails") == [
        {"chosen_options": [option], "params_input": {"comment": "known fault"}}
    ]
    assert f"dr-operator answered step http of wave 1 database: {option}" in done.out


def test_an_answer_before_is_shown_when_a_step_asks_again(airflow, drs, run):
    """The answer was dealt with although the same task asks already again."""

    def ask_again(run, task_id, given):
        tell(run, task_id, given)
        asks(run)

    asks(run)
    airflow.answered = ask_again
    assert drs("answer-step", "CHG1", "retry").code == ExitCode.OK
    shown = drs("status", "CHG1").out
    assert "Retry by dr-operator" in shown
    assert "second person" not in shown


def test_what_a_step_does_not_ask_is_refused(airflow, drs, run):
    assert drs("answer-step", "CHG1", "accept").code == ExitCode.CONFLICT
    asks(run, "Confirm", "Fail")
    refused = drs("answer-step", "CHG1", "accept", "--comment", "x")
    assert refused.code == ExitCode.REFUSED_INPUT
    assert "answer confirm or fail" in refused.err
    assert drs("answer-step", "CHG1", "confirm", "--step", "other").code == ExitCode.CONFLICT
    assert airflow.sent("PATCH", "hitlDetails") == []


def test_a_retry_clears_the_steps_before_the_launch_as_well(airflow, drs, run):
    before = f"{GROUP}.before_mail"
    run.tasks |= {before: "success", CHECK: "failed", RUNBOOK: "upstream_failed", DECIDE: "failed"}
    end(run, "FAILED", {1: "FAILED", 2: "CANCELLED"})
    assert drs("retry", "CHG1", "--yes").code == ExitCode.OK
    (body,) = [body for body in airflow.sent("POST", "clearTaskInstances") if not body["dry_run"]]
    assert body["task_ids"] == [before, f"{GROUP}.start_recovery"]
    assert body["include_downstream"] is True


def test_steps_of_a_record_are_shown_with_who_accepted_them(airflow, drs, run):
    record = end(run, "PARTIAL")
    record["waves"][0]["steps"] = [
        {
            "name": "http",
            "place": "after",
            "kind": "http",
            "status": "ACCEPTED",
            "attempt": 1,
            "output": "503",
            "acceptedBy": "dr-lead",
            "reason": "known fault",
        }
    ]
    run.xcoms[keys.FINALIZE, keys.EXECUTION_RECORD] = record
    record["objectives"] = {"rtoMinutes": 120}
    shown = " ".join(drs("status", "CHG1").out.split())
    assert "it rests on accepted failures of http" in shown
    assert "wave 1 database, step http: ACCEPTED, 503; accepted by dr-lead: known fault" in shown


def test_a_step_before_all_waves_that_failed_fails_the_first_wave_and_cancels_nothing(drs, run):
    run.tasks |= {FIRST: "failed", **dict.fromkeys((CHECK, RUNBOOK, DECIDE), "upstream_failed")}
    for task in (keys.START_RECOVERY, keys.WAIT_FOR_RECOVERY, keys.ENRICH):
        run.tasks[f"{GROUP}.{task}"] = "upstream_failed"
    run.xcoms[FIRST, keys.FAILURE] = {"errorType": "StepFailedError", "message": "not fenced"}
    data = json.loads(drs("status", "CHG1", "-o", "json").out)
    assert data["status"] != "CANCELLING"
    assert (data["waves"][0]["status"], data["waves"][0]["note"]) == ("FAILED", "not fenced")
