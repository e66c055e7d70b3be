"""Answering: the only open gate or the one named, who may not, who is late, and what becomes of an answer."""

from __future__ import annotations

import json

import pytest

from drs_provider import keys
from drs_provider.acts import answering
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.plan_tasks import gate, hold
from tests.cli.airflow_server import complete, end, new_run, settle, tell

ANSWERS = "hitlDetails"


@pytest.fixture
def waiting(airflow):
    """An execution whose second gate waits for dr-approver-1 or dr-operator."""
    run = airflow.add(new_run())
    complete(run, 1)
    run.ask(keys.gate_task_id(2), approvers=("dr-approver-1", "dr-operator"))
    return run


def test_the_options_are_those_that_the_tasks_offer():
    assert (gate.APPROVE, gate.REJECT, gate.SKIP_WAVE, gate.EMERGENCY) == (
        answering.APPROVE,
        answering.REJECT,
        answering.SKIP_WAVE,
        answering.EMERGENCY,
    )
    assert answering.VERDICTS == {"passed": hold.PASSED, "failed": hold.FAILED}


@pytest.mark.parametrize(
    ("verb", "option"), [("approve", "Approve"), ("reject", "Reject"), ("skip", "Skip wave")]
)
@pytest.mark.parametrize("word", ["erp", "CHG1", "erp/CHG1", "drs_erp"])
def test_the_only_open_gate_is_answered_with_comment_and_ticket(airflow, drs, waiting, verb, option, word):
    done = drs(verb, word, "--comment", "looks good", "--ticket", "INC1")
    assert done.code == ExitCode.OK
    inputs = {"comment": "looks good", "ticket": "INC1"}
    assert airflow.sent("PATCH", ANSWERS) == [{"chosen_options": [option], "params_input": inputs}]
    assert f"dr-operator answered gate before wave 2 application: {option}" in done.out


def test_programs_get_who_and_when(airflow, drs, waiting):
    data = json.loads(drs("approve", "CHG1", "-o", "json").out)
    assert (data["waveNumber"], data["respondedBy"], data["state"]) == (2, "dr-operator", "decided")


def test_of_several_gates_one_must_be_named(airflow, drs, waiting):
    waiting.ask(keys.gate_task_id(1))
    refused = drs("approve", "CHG1")
    assert refused.code == ExitCode.REFUSED_INPUT
    assert "--wave: database, application" in refused.err
    assert drs("approve", "CHG1", "--wave", "database").code == ExitCode.OK
    assert drs("approve", "CHG1", "--wave", "2").code == ExitCode.OK
    assert waiting.questions == {}


def test_who_may_not_is_told_who_may(airflow, drs, waiting):
    waiting.questions[keys.gate_task_id(2)]["assigned_users"] = [{"id": "dr-lead", "name": "dr-lead"}]
    done = drs("approve", "CHG1")
    assert done.code == ExitCode.NOT_ALLOWED
    assert "who may: dr-lead" in done.err
    assert keys.gate_task_id(2) in waiting.questions


def test_who_comes_second_is_told(airflow, drs, waiting):
    drs("approve", "CHG1")
    late = drs("reject", "CHG1")
    assert late.code == ExitCode.CONFLICT
    assert "has no open gate, or it was answered already" in late.err


def test_who_is_overtaken_between_reading_and_answering_is_told(airflow, drs, waiting):
    def overtake(method, _path, _body):
        if method == "PATCH":
            waiting.questions.clear()

    airflow.script = overtake
    done = drs("approve", "CHG1")
    assert done.code == ExitCode.CONFLICT
    assert "was answered already, or its time is over" in done.err


def test_who_is_overtaken_is_told_by_whom(airflow, drs, waiting):
    faster = {"responded_by_user": {"id": "8", "name": "dr-lead"}, "chosen_options": ["Reject"]}

    def overtake(method, path, _body):
        if method == "PATCH":
            waiting.questions.clear()
        return faster if method == "GET" and path.endswith("/-1/hitlDetails") else None

    airflow.script = overtake
    done = drs("approve", "CHG1")
    assert done.code == ExitCode.CONFLICT
    assert "was answered already: Reject by dr-lead" in done.err


def test_a_gate_that_waits_for_a_second_person_says_so(airflow, drs, waiting):
    def ask_again(run, task_id, given):
        tell(run, task_id, given)
        run.ask(task_id, approvers=("dr-approver-1", "dr-operator"))

    airflow.answered = ask_again
    done = drs("approve", "CHG1")
    assert done.code == ExitCode.OK
    assert "a second person must approve" in done.out
    assert "Approve by dr-operator; a second person must approve" in drs("status", "CHG1").out


@pytest.mark.parametrize("verb", ["approve", "reject", "skip"])
def test_an_answer_that_does_not_count_is_told_with_the_reason(airflow, drs, waiting, verb):
    """Airflow keeps the text of the first question: what became of an answer stands in the gate's XCom."""
    reason = "who started the execution cannot approve it"

    def refuse(run, task_id, given):
        tell(run, task_id, {**given, "refused": reason})
        run.ask(task_id, approvers=("dr-approver-1", "dr-operator"))

    airflow.answered = refuse
    done = drs(verb, "CHG1")
    assert done.code == ExitCode.NOT_ALLOWED
    assert reason in done.err
    assert "by dr-operator: who started" in drs("status", "CHG1").out


def test_an_answer_that_was_overtaken_by_one_of_the_same_moment_is_told(airflow, drs, waiting):
    """Airflow's API may take two answers at once: both get 200, one reaches the gate."""

    def other_counts(run, task_id, given):
        settle(run, task_id, {**given, "decision": "Reject", "respondedById": "8", "respondedBy": "dr-lead"})

    airflow.answered = other_counts
    done = drs("approve", "CHG1")
    assert done.code == ExitCode.CONFLICT
    assert "came too late: Reject by dr-lead" in done.err


def test_a_gate_that_ended_without_an_answer_is_told(airflow, drs, waiting):
    def expire(run, task_id, _given):
        del run.questions[task_id]
        run.tasks[task_id] = "failed"

    airflow.answered = expire
    done = drs("approve", "CHG1")
    assert done.code == ExitCode.CONFLICT
    assert "it ended without an answer" in done.err


@pytest.mark.parametrize("state", ["scheduled", "queued", "running", "up_for_retry", "deferred"])
def test_what_is_not_known_yet_is_not_called_done(airflow, drs, waiting, monkeypatch, state):
    monkeypatch.setattr(answering, "OUTCOME_SECONDS", 0.2)

    def nothing_happens(run, task_id, _given):
        run.tasks[task_id] = state

    airflow.answered = nothing_happens
    done = drs("approve", "CHG1")
    assert done.code == ExitCode.TIMEOUT
    assert "has not acted on it yet" in done.err
    assert "see: airflow drs status" in done.err


def test_an_answer_to_an_earlier_question_is_not_taken_for_this_one(airflow, drs, waiting, monkeypatch):
    monkeypatch.setattr(answering, "OUTCOME_SECONDS", 0.2)

    def nothing_happens(run, task_id, given):
        tell(run, task_id, {**given, "respondedAt": given["respondedAt"] - 5, "refused": "earlier"})
        run.tasks[task_id] = "running"

    airflow.answered = nothing_happens
    assert drs("approve", "CHG1").code == ExitCode.TIMEOUT


def test_an_emergency_approval_is_an_option_of_its_own_and_says_why(airflow, drs, waiting):
    refused = drs("approve", "CHG1", "--emergency", "--comment", "x")
    assert refused.code == ExitCode.REFUSED_INPUT
    assert "takes no approval in an emergency" in refused.err
    waiting.questions[keys.gate_task_id(2)]["options"].append("Approve in emergency")
    refused = drs("approve", "CHG1", "--emergency")
    assert refused.code == ExitCode.REFUSED_INPUT
    assert "give it with --comment" in refused.err
    assert airflow.sent("PATCH", ANSWERS) == []
    assert drs("approve", "CHG1", "--emergency", "--comment", "both on a plane").code == ExitCode.OK
    (body,) = airflow.sent("PATCH", ANSWERS)
    assert body == {
        "chosen_options": ["Approve in emergency"],
        "params_input": {"comment": "both on a plane"},
    }


@pytest.mark.parametrize(("word", "option"), [("passed", "Passed"), ("failed", "Failed")])
def test_a_drill_is_judged(airflow, drs, waiting, word, option):
    waiting.questions.clear()
    complete(waiting, 1, 2)
    waiting.ask(keys.HOLD_DRILL)
    assert drs("verdict", "erp", word, "--notes", "orders work").code == ExitCode.OK
    (body,) = airflow.sent("PATCH", ANSWERS)
    assert body == {"chosen_options": [option], "params_input": {"notes": "orders work"}}


def test_a_verdict_answers_no_gate_and_an_approval_no_hold(airflow, drs, waiting):
    assert drs("verdict", "CHG1", "passed").code == ExitCode.CONFLICT
    waiting.questions.clear()
    complete(waiting, 1, 2)
    waiting.ask(keys.HOLD_DRILL)
    assert drs("approve", "CHG1").code == ExitCode.CONFLICT
    assert airflow.sent("PATCH", ANSWERS) == []


class TestWhichExecution:
    def test_a_plan_stands_for_its_only_open_execution(self, airflow, drs, waiting):
        end(airflow.add(new_run("OLD", began=waiting.began + 5)), "COMPLETED")
        assert drs("approve", "erp").code == ExitCode.OK
        assert waiting.questions == {}

    def test_of_several_open_ones_one_must_be_named(self, airflow, drs, waiting):
        airflow.add(new_run("CHG2"))
        done = drs("approve", "erp")
        assert done.code == ExitCode.REFUSED_INPUT
        assert "`CHG1`" in done.err
        assert "`CHG2`" in done.err

    def test_none_open(self, airflow, drs):
        end(airflow.add(new_run("OLD")), "COMPLETED")
        assert drs("approve", "erp").code == ExitCode.CONFLICT

    def test_the_same_id_in_two_plans(self, airflow, drs, waiting):
        airflow.add(new_run("CHG1", "wiki"))
        done = drs("approve", "CHG1")
        assert done.code == ExitCode.REFUSED_INPUT
        assert "`erp/CHG1`, `wiki/CHG1`" in done.err
        assert drs("approve", "erp/CHG1").code == ExitCode.OK

    @pytest.mark.parametrize("word", ["CHG", "erp/CHG2", "wikki/CHG1", "nothing"])
    def test_unknown_ones(self, airflow, drs, waiting, word):
        assert drs("approve", word).code == ExitCode.NOT_FOUND


def test_approvers_are_named_where_airflow_was_given_none(airflow, drs, waiting):
    """With FAB the gate itself looks who answers, and Airflow's assignment is empty."""
    waiting.questions[keys.gate_task_id(2)]["assigned_users"] = []
    frozen = waiting.xcoms[keys.PREPARE, keys.frozen_wave_key(2)]["payload"]
    frozen["gate"]["approvers"] = ["dr-lead"]
    assert "waits for dr-lead" in drs("status", "CHG1").out
