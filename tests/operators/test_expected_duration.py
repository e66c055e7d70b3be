"""What an execution is expected to take: frozen when it begins, and shown with the time that has passed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.plans import WIKI, plan
from tests.harness.stage import Stage

SENT: list[dict[str, Any]] = []


class Notifier:
    """Keeps what it is told."""

    def __call__(self, context: dict[str, Any]) -> None:
        SENT.append(context["drs"])


def attended() -> Any:
    notification = {"events": ["start", "gate", "finished"], "notifier": f"{__name__}.Notifier", "args": {}}
    return plan(
        {"name": "everything", "servers": WIKI, "gate": {"approvers": ["dr-approver-1"]}},
        notifications=[notification],
    )


def test_the_second_drill_is_expected_to_take_as_long_as_the_first(play: Stage) -> None:
    SENT.clear()
    first = play.drill(attended())
    assert first.stored["expectedDurationSource"] == "profile"
    assert first.stored["expectedDuration"] == 536
    second = play.drill(attended())
    worked = first.stored["waves"][0]["endTime"] - first.stored["startTime"] - _gate(first.stored)
    assert second.stored["expectedDurationSource"] == "history"
    assert second.stored["expectedDuration"] == pytest.approx(worked, abs=1)
    (_, told) = play.events("expectedDuration")
    assert (told["source"], told["executions"]) == ("history", 1)
    assert round(worked) == 531
    text = "about 9 min (6 min to 14 min; median of 1 earlier execution)"
    assert "expected without waiting for people: " + text in second.request("gate_1").body
    assert "expected without waiting for people: " + text in second.request("hold_drill").body
    start, *_, finished = SENT[len(SENT) // 2 :]
    assert start["summary"].endswith(f"expected: {text}")
    assert finished["summary"].endswith(f"(expected: {text})")
    assert finished["expectedSeconds"] == pytest.approx(worked, abs=1)
    assert finished["elapsedSeconds"] > 0


def _gate(record: dict[str, Any]) -> float:
    gate = record["waves"][0]["gate"]
    return gate["closedAt"] - gate["openedAt"]


def test_what_is_kept_in_airflow_goes_before_the_history_and_without_it_the_history_counts(
    play: Stage,
) -> None:
    play.drill(attended())
    kept = dict(play.variables)
    assert {"drs_durations__drs_small", "drs_durations"} <= kept.keys()
    play.variables.clear()  # executions of an older version, or somebody tidied up
    assert play.drill(attended()).stored["expectedDurationSource"] == "history"
    play.variables["drs_durations__drs_small"] = '[{"waves": "all"}, 7]'
    play.variables["drs_durations"] = "no JSON"
    third = play.drill(attended())
    assert third.stored["expectedDurationSource"] == "history"
    assert [event["executions"] for event in play.events("expectedDuration")] == [0, 1, 2]
    (row,) = json.loads(play.variables["drs_durations__drs_small"])
    assert row["execution_id"] == third.record["executionId"]


def test_trap_32_a_history_that_cannot_be_reached_means_the_profile(play: Stage) -> None:
    play.simulator.inject("*", service="dynamodb", kind="error", code="InternalServerError", status=500)
    run = play.drill(plan())
    assert run.record["status"] == "COMPLETED"
    assert run.record["expectedDurationSource"] == "profile"
    assert play.events("expectedDuration")[0]["executions"] == 0
