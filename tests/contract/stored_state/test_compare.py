"""The comparison of what is stored: whatever is lost shows, and what is new does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.stored_state.compare import lost, shape_of
from tests.contract.stored_state.snapshot import lost_triggers, lost_words

JOB, OTHER_JOB = "drsjob-1111111111111111a", "drsjob-2222222222222222b"
BEFORE: dict[str, Any] = {
    "xcom run wave_1.enrich wave_result": {
        "status": "COMPLETED",
        "endTime": 1.5,
        "jobs": [{"jobId": JOB, "rows": [{"error": None}, {"error": "no capacity"}]}],
        "of": {JOB: {"attempt": 1}},
    },
    "item 0f8fad5b-d9cb-469f-a165-70867728950e small": {"launchStatus": {"S": "LAUNCHED"}, "at": {"N": "1"}},
}
RESULT, ITEM = "xcom run wave_1.enrich wave_result", "item * small"


def changed(address: str, **fields: Any) -> dict[str, Any]:
    """Return what was stored, with other fields; those that are None are left out."""
    stored = {key: dict(value) for key, value in BEFORE.items()}
    name = next(key for key in stored if key.startswith(address.split(" ")[0]))
    stored[name] = {key: value for key, value in {**stored[name], **fields}.items() if value is not None}
    return stored


def losses(now: dict[str, Any]) -> list[str]:
    return lost(shape_of(BEFORE.items()), shape_of(now.items()))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({RESULT: BEFORE[RESULT]}, [f"{ITEM} is gone"]),
        (changed(RESULT, jobs=None), [f"{RESULT}/jobs is gone"]),
        (changed(RESULT, jobs=[]), [f"{RESULT}/jobs[] is gone"]),
        (changed(RESULT, endTime="1.5"), [f"{RESULT}/endTime was number, and is text"]),
        (changed(RESULT, status=["COMPLETED"]), [f"{RESULT}/status was text, and is list"]),
        (changed(RESULT, status="DONE"), [f"{RESULT}/status does not say =COMPLETED any more"]),
        (
            changed(ITEM, launchStatus={"S": "UP"}),
            [f"{ITEM}/launchStatus/S does not say =LAUNCHED any more"],
        ),
        (changed(ITEM, at={"S": "1"}), [f"{ITEM}/at/N is gone"]),
        (
            changed(RESULT, jobs=[{"jobId": JOB, "rows": [{"error": ["no capacity"]}]}]),
            [f"{RESULT}/jobs[]/rows[]/error was null or text, and is list"],
        ),
    ],
    ids=[
        "value",
        "field",
        "row",
        "type",
        "type of a word",
        "word",
        "word of an item",
        "type of an item",
        "type deep inside",
    ],
)
def test_what_is_lost_is_told(now: dict[str, Any], told: list[str]) -> None:
    found = losses(now)
    assert told[0] in found
    assert all(text.startswith(told[0].split(" ")[0]) for text in found)


@pytest.mark.parametrize(
    "now",
    [
        BEFORE,
        {**BEFORE, "xcom run finalize of_now": 1},
        changed(RESULT, ofNow={"a": 1}),
        changed(RESULT, of={OTHER_JOB: {"attempt": 2}}),
        changed(RESULT, endTime=2),
        changed(RESULT, jobs=[{"jobId": JOB, "rows": [{"error": "no capacity"}]}]),
        changed(RESULT, jobs=[{"jobId": JOB, "rows": [{"error": "none"}]}, {"jobId": JOB, "rows": []}]),
    ],
    ids=["nothing", "value", "field", "other ids", "whole number", "no empty row", "more rows"],
)
def test_what_is_new_or_happens_otherwise_is_no_loss(now: dict[str, Any]) -> None:
    assert losses(now) == []


def test_a_field_that_was_always_empty_may_become_anything() -> None:
    assert lost(shape_of([("a", {"b": None})]), shape_of([("a", {"b": [1]})])) == []
    assert lost(shape_of([("a", {"b": 1})]), shape_of([("a", {"b": None})])) != []


def test_a_word_that_is_gone_is_told_and_a_new_one_is_not() -> None:
    before = {"keys": ["claim", "outcome"]}
    assert lost_words(before, {"keys": ["outcome", "result"]}) == ["keys has no claim any more"]
    assert lost_words(before, {}) == ["keys has no claim any more", "keys has no outcome any more"]
    assert lost_words(before, {"keys": ["claim", "more", "outcome"], "of_now": ["a"]}) == []


def test_an_argument_of_a_trigger_is_lost_or_new_without_a_default() -> None:
    path = "drs_provider.triggers.steps.trigger.DrsStepTrigger"
    arguments = {"step": {}, "deadline": 1.0, "handles": {}}
    before = {path: arguments}
    assert lost_triggers(before, before) == []
    assert lost_triggers({path: {"step": {}, "deadline": 1.0}}, before) == []
    assert lost_triggers(before, {path: {"step": {}, "handles": {}}}) == [f"{path}/deadline is gone"]
    assert lost_triggers(before, {path: {**arguments, "deadline": "1"}}) == [
        f"{path}/deadline was number, and is text"
    ]
    assert lost_triggers({path: {"step": {}, "handles": {}}}, before) == [
        f"{path}: deadline is new and has no default"
    ]
    assert lost_triggers(before, {}) == [f"{path} is gone"]
