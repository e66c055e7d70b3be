"""Decisions and answers of an attempt before, or of nobody: genuine ones count only for what they were made on."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import ONCE, world

GATE = {"approvers": ["dr-approver-1", "dr-approver-2"], "timeout_minutes": 30}
KEEP = {"cleanup": "keep"}
START = "wave_1_everything.start_recovery"


def gated(play: Stage, conf: dict[str, Any] | None = None, **gate: Any) -> PlanRun:
    made = plan({"name": "everything", "servers": WIKI, "gate": {**GATE, **gate}})
    return play.plan_run(made, conf)


def questions(run: PlanRun, task_id: str) -> int:
    return run.history.count((task_id, "deferred"))


def test_trap_37_an_approval_of_the_attempt_before_approves_no_new_one(play: Stage) -> None:
    run = gated(play).approve_everything()
    assert run.go() == "success"
    launched = play.launched_servers()
    run.clear("prepare")
    run.when("prepare", "success", lambda: run.mark_success("gate_1"))
    assert run.go() == "failed"
    assert play.launched_servers() == launched
    assert "prepare ran again since, and gate_1 did not" in run.failure(START)
    assert run.stored["status"] == "FAILED"
    assert "gate_decision" in run.stored["errorMessage"]
    assert [row["status"] for row in run.stored["attempts"]] == ["COMPLETED", "FAILED"]


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))
def test_trap_37_an_approval_does_not_outlive_the_results_that_it_was_given_on(play: Stage) -> None:
    run = play.plan_run(two_waves(second={"gate": GATE}), KEEP).approve_everything()
    assert run.go() == "failed"
    run.clear("wave_1_first")
    run.when("wave_1_first.enrich", "success", lambda: run.mark_success("gate_2"))
    assert run.go() == "failed"
    assert play.launched_servers() == list(WIKI)
    assert "wave 1 ran again since, and gate_2 did not" in run.failure("wave_2_second.start_recovery")
    assert "Clear gate_2" in run.stored["errorMessage"]


@pytest.mark.drs_scenario(world({WIKI[1]: {"fail": ONCE}}))
def test_a_retry_of_a_wave_keeps_the_approval_that_was_given_on_the_same_facts(play: Stage) -> None:
    run = play.plan_run(two_waves(second={"gate": GATE}), KEEP).approve_everything()
    assert run.go() == "failed"
    run.clear("wave_2_second")
    assert run.go() == "success"
    assert questions(run, "gate_2") == 1
    assert play.launched_servers() == [WIKI[0], WIKI[1], WIKI[1]]


def test_trap_37_a_skip_of_the_attempt_before_skips_no_wave(play: Stage) -> None:
    run = play.plan_run(two_waves(second={"gate": GATE})).approve_everything()
    run.answer("gate_2", "Skip wave")
    assert run.go() == "success"
    run.clear("prepare")
    run.when("wave_1_first.enrich", "success", lambda: run.mark_success("gate_2"))
    assert run.go() == "failed"
    assert run.outline().waves == {"first": "COMPLETED", "second": "FAILED"}


@pytest.mark.parametrize("attempt", [1, 2])
def test_trap_37_answers_that_nobody_gave_open_no_gate(play: Stage, attempt: int) -> None:
    run = gated(play).approve_everything()
    answer = {"decision": "Approve", "respondedBy": "dr-approver-1", "respondedAt": play.now()}
    forged = {"attempt": attempt, "opened_at": play.now(), "accepted": [answer], "basis": {}}
    if attempt == 2:
        run.answer("gate_1", "Reject")
        assert run.go() == "failed"
        run.clear("gate_1")
    run.stores.setdefault("gate_1", {})[f"{keys.GATE_ANSWERS}_{attempt}"] = forged
    assert run.go() == "failed"
    assert play.jobs() == []
    assert "gate_answers" in run.failure("gate_1")
    assert "gate_answers" in run.stored["errorMessage"]
    assert run.stored["status"] == "FAILED"


def test_trap_37_answers_of_an_attempt_before_open_no_gate(play: Stage) -> None:
    run = gated(play, KEEP, two_people="always").answer("gate_1", "Approve")
    run.answer("gate_1", "Approve", user="dr-approver-2").answer("hold_drill", "Passed")
    assert run.go() == "success"
    store = run.stores["gate_1"]
    store[f"{keys.GATE_ANSWERS}_2"] = store[f"{keys.GATE_ANSWERS}_1"]
    run.clear("prepare")
    assert run.go() == "failed"
    assert "gate_answers" in run.failure("gate_1")
    assert play.launched_servers() == list(WIKI)


def test_trap_37_a_second_approval_that_nobody_gave_does_not_count(play: Stage) -> None:
    run = gated(play, two_people="always").answer("gate_1", "Approve")

    def add_an_answer() -> None:
        stored = run.stores["gate_1"][f"{keys.GATE_ANSWERS}_1"]
        stored["accepted"] = [{**stored["accepted"][0], "respondedBy": "dr-approver-2"}]

    run.when("gate_1", "scheduled", lambda: run.when("gate_1", "deferred", add_an_answer))
    run.answer("gate_1", "Approve")
    assert run.go() == "failed"
    assert play.jobs() == []
    assert "gate_answers" in run.failure("gate_1")


def test_trap_37_a_verdict_on_an_attempt_before_judges_no_new_one(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()
    assert run.go() == "success"
    run.clear("prepare")
    run.when("wave_1_everything.enrich", "success", lambda: run.mark_success("hold_drill"))
    assert run.go() == "failed"
    record = run.stored
    assert record["verdict"]["result"] == "not verified"
    assert "hold_drill" in record["verdict"]["notes"]
    assert [row["verdict"]["result"] for row in record["attempts"]] == ["passed", "not verified"]
    assert set(play.instances().values()) == {"terminated"}
