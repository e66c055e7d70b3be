"""Answers of people that must not be lost, whatever else happens to the run meanwhile."""

from __future__ import annotations

from typing import Any

from drs_provider import settings
from drs_provider.core.canonical import content_hash
from drs_provider.core.evidence import GATE_ANSWERS, seal
from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage

GATE = {"approvers": ["dr-approver-1", "dr-approver-2"], "timeout_minutes": 120, "two_people": "always"}


def side_by_side(play: Stage, **gate: Any) -> PlanRun:
    made = plan(
        {"name": "first", "servers": WIKI[:1]},
        {"name": "second", "servers": WIKI[1:], "depends_on": [], **gate},
    )
    return play.plan_run(made, {"cleanup": "keep"}).answer("hold_drill", "Passed")


def close(run: PlanRun, at: float) -> None:
    """Let gate 2 store that its time is over, as it does before it tells anything."""
    store = run.stores["gate_2"]
    answers = dict(store["gate_answers_1"])
    sealed = answers.pop("signature")
    answers["closed_at"] = at
    key = settings.signing_key()
    signature = seal(
        {"digest": content_hash(answers)}, key=key, purpose=GATE_ANSWERS, binding=sealed["binding"]
    )
    store["gate_answers_1"] = {**answers, "signature": signature}


def test_trap_41_the_first_of_two_approvals_survives_a_clear_of_another_wave(play: Stage) -> None:
    run = side_by_side(play, gate=GATE)
    run.answer("gate_2", "Approve").answer("gate_2", "Approve", user="dr-approver-2")
    run.when(
        "gate_2",
        "scheduled",
        lambda: run.when("gate_2", "deferred", lambda: run.clear("wave_1_first")),
    )
    assert run.go() == "success"
    assert run.dag_run.clear_number == 1
    (first, second) = run.wave("second")["gate"]["responses"]
    assert (first["respondedBy"], second["respondedBy"]) == ("dr-approver-1", "dr-approver-2")


def test_trap_41_a_rejection_counts_even_if_the_pause_was_taken_back_meanwhile(play: Stage) -> None:
    run = side_by_side(play)
    run.when("prepare", "success", lambda: run.xcoms.set("prepare", "pause_2", True))
    run.when("gate_2", "deferred", lambda: run.xcoms.set("prepare", "pause_2", False))
    run.answer("gate_2", "Reject")
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    assert play.launched_servers() == [WIKI[0]]


def test_trap_41_a_gate_that_is_lost_after_its_time_is_over_does_not_ask_again(play: Stage) -> None:
    run = side_by_side(play, gate={**GATE, "on_timeout": "reject"})
    run.answer("gate_2", "Approve")

    def lose() -> None:
        close(run, play.now())
        run.triggerer.cancel("gate_2")
        run.rows["gate_2"].next_method = None
        run.set_state("gate_2", "up_for_retry")

    run.when("gate_2", "scheduled", lambda: run.when("gate_2", "deferred", lose))
    begun = play.now()
    assert run.go() == "failed"
    assert run.record["status"] == "CANCELLED"
    assert play.now() - begun < 7200
    assert run.wave("second")["gate"]["outcome"] == "reject by timeout"
