"""Colours and XComs that people changed: nothing starts on them, and the record names what was touched."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from drs_provider import keys
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan, two_waves
from tests.harness.stage import Stage

GATE = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}
START = "wave_1_everything.start_recovery"


def gated(play: Stage) -> PlanRun:
    return play.plan_run(plan({"name": "everything", "servers": WIKI, "gate": GATE}))


def refused(run: PlanRun, named: str) -> None:
    assert run.go() == "failed"
    assert run.stage.jobs() == []
    assert "EvidenceError" in str(type(run.rows[START].error))
    assert named in run.failure(START)
    record = run.record
    assert record["status"] == "FAILED"
    assert named in record["errorMessage"]


def test_trap_37_a_gate_marked_as_success_by_hand_starts_nothing(play: Stage) -> None:
    run = gated(play)
    run.when("gate_1", "deferred", lambda: run.mark_success("gate_1"))
    refused(run, "gate_decision")


def test_trap_37_a_forged_decision_starts_nothing(play: Stage) -> None:
    run = gated(play)

    def forge() -> None:
        run.xcoms.set(
            "gate_1",
            keys.GATE_DECISION,
            {
                "version": 1,
                "purpose": "gate_decision",
                "binding": {},
                "payload": {"decision": "approve"},
                "mac": "0" * 64,
            },
        )
        run.mark_success("gate_1")

    run.when("gate_1", "deferred", forge)
    refused(run, "gate_decision")


def test_trap_37_a_decision_of_another_run_starts_nothing(play: Stage) -> None:
    other = gated(play).answer("gate_1", "Approve").answer("hold_drill", "Passed")
    assert other.go() == "success"
    jobs = len(play.jobs())
    run = gated(play)

    def replay() -> None:
        run.xcoms.set("gate_1", keys.GATE_DECISION, other.xcom("gate_1", keys.GATE_DECISION))
        run.mark_success("gate_1")

    run.when("gate_1", "deferred", replay)
    assert run.go() == "failed"
    assert len(play.jobs()) == jobs
    assert "another execution_id" in run.record["errorMessage"]


def test_trap_37_a_decision_about_another_wave_starts_nothing(play: Stage) -> None:
    made = two_waves(second={"gate": GATE})
    run = play.plan_run(made).answer("hold_drill", "Passed")

    def replay() -> None:
        run.xcoms.set("gate_2", keys.GATE_DECISION, run.xcom("gate_1", keys.GATE_DECISION))
        run.mark_success("gate_2")

    run.when("gate_2", "deferred", replay)
    assert run.go() == "failed"
    assert play.launched_servers() == [WIKI[0]]
    assert "another wave" in run.record["errorMessage"]
    assert run.record["status"] == "PARTIAL"
    assert run.outline().waves == {"first": "COMPLETED", "second": "FAILED"}
    assert set(play.instances().values()) == {"terminated"}


@pytest.mark.parametrize("key", ["frozen_plan", "frozen_wave_1"])
def test_trap_37_a_changed_frozen_plan_starts_nothing(play: Stage, key: str) -> None:
    run = play.plan_run(plan()).approve_everything()

    def tamper() -> None:
        sealed = copy.deepcopy(run.xcom("prepare", key))
        payload: dict[str, Any] = sealed["payload"]
        if key == "frozen_plan":
            payload["execution_type"] = "RECOVERY"
        else:
            payload["servers"][0]["source_server_id"] = "s-1111111111111111a"
        run.xcoms.set("prepare", key, sealed)

    run.when("prepare", "success", tamper)
    assert run.go() == "failed"
    assert play.jobs() == []
    assert run.states["gate_1"] == "failed"
    assert key.removesuffix("_1") in run.failure("gate_1")
    assert run.record["status"] == "FAILED"
    assert key.removesuffix("_1") in run.record["errorMessage"]


def test_trap_37_changed_intents_start_nothing_more(play: Stage) -> None:
    play.kill_worker("StartRecovery", after=True)
    run = play.plan_run(plan()).approve_everything()

    def tamper() -> None:
        run.stores[START][keys.START_INTENTS]["payload"]["intents"] = []

    run.when(START, "up_for_retry", tamper)
    assert run.go() == "failed"
    assert len(play.jobs()) == 1
    assert "start_intent" in run.failure(START)
    assert run.record["status"] == "FAILED"


def test_trap_37_tasks_of_a_wave_marked_as_success_do_not_complete_it(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    run.when(
        "wave_1_first.wait_for_recovery",
        "deferred",
        lambda: run.mark_success("wave_1_first.wait_for_recovery"),
    )
    assert run.go() == "failed"
    assert run.outline().waves == {"first": "FAILED", "second": "CANCELLED"}
    assert "has not ended" in run.record["errorMessage"]
    assert play.launched_servers() == [WIKI[0]]


def test_trap_37_a_whole_wave_marked_as_success_is_named(play: Stage) -> None:
    run = play.plan_run(plan()).approve_everything()

    def skip_the_work() -> None:
        for task in ("start_recovery", "wait_for_recovery", "enrich"):
            run.mark_success(f"wave_1_everything.{task}")

    run.when("gate_1", "success", skip_the_work)
    assert run.go() == "failed"
    assert run.record["status"] == "FAILED"
    assert "marked as success" in run.record["errorMessage"]
    assert play.jobs() == []


def test_trap_37_a_forged_verdict_on_a_drill_does_not_count(play: Stage) -> None:
    run = play.plan_run(plan())

    def forge() -> None:
        verdict = {"payload": {"verdict": {"result": "passed"}}}
        run.xcoms.set("hold_drill", keys.GATE_DECISION, verdict)
        run.mark_success("hold_drill")

    run.when("hold_drill", "deferred", forge)
    assert run.go() == "failed"
    assert run.record["verdict"]["result"] == "not verified"
    assert "gate_decision" in run.record["verdict"]["notes"]
    assert set(play.instances().values()) == {"terminated"}


def test_another_signing_key_is_noticed(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when(
        "prepare",
        "success",
        lambda: monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", "another-signing-key-0123456789abcdef"),
    )
    assert run.go() == "failed"
    assert play.jobs() == []
    assert "signing key" in run.failure("gate_1")


def test_trap_37_a_plan_changed_in_mid_run_ends_it_failed_with_a_record(play: Stage) -> None:
    run = play.plan_run(two_waves()).approve_everything()

    def tamper() -> None:
        sealed = run.xcom("prepare", keys.FROZEN_PLAN)
        sealed["payload"]["cleanup"] = "keep"
        run.xcoms.set("prepare", keys.FROZEN_PLAN, sealed)

    run.when("wave_1_first.enrich", "success", tamper)
    assert run.go() == "failed"
    record = run.stored
    assert record["status"] == "FAILED"
    assert "frozen_plan" in record["errorMessage"]
    assert "instances of a drill may still exist" in record["errorMessage"]
    assert run.wave("first", record)["status"] == "COMPLETED"
    assert run.states["cleanup_drill"] == "failed"
    assert play.launched_servers() == [WIKI[0]]


@pytest.mark.parametrize("outcome", ["dry_run", "excluded"])
def test_trap_37_an_outcome_changed_by_hand_skips_nothing(play: Stage, outcome: str) -> None:
    run = play.plan_run(plan()).approve_everything()
    run.when("prepare", "success", lambda: run.xcoms.set("prepare", keys.OUTCOME, outcome))
    assert run.go() == "success"
    assert run.stored["status"] == "COMPLETED"


def test_trap_37_a_prepare_marked_as_success_starts_nothing(play: Stage) -> None:
    run = play.plan_run(plan())
    run.mark_success("prepare")
    assert run.go() == "failed"
    assert run.stored["status"] == "FAILED"
    assert "frozen_plan" in run.stored["errorMessage"]
    assert play.jobs() == []
