"""Which records are orphans, and what they become."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.identity import execution_id
from drs_provider.core.states import (
    LIVE_WAVE,
    TERMINAL_EXECUTION,
    ExecutionStatus,
    WaveStatus,
    allowed_from,
)
from drs_provider.rules.sweep.records import (
    FOREIGN_QUIET_SECONDS,
    OPEN_STATUSES,
    QUIET_SECONDS,
    STUCK_SECONDS,
    RecordAction,
    RunOutcome,
    closed_record,
    is_end_of,
    is_of_deployment,
    last_sign_of_life,
    orphan_status,
    record_action,
    run_outcome,
)

RUN_AFTER = 1_790_000_000.123456
TASK_STATES = (
    None,
    "success",
    "failed",
    "skipped",
    "upstream_failed",
    "removed",
    "running",
    "deferred",
    "awaiting_input",
    "queued",
)


def test_a_record_of_another_system_does_not_end_the_sweep() -> None:
    strange = {"executionId": "theirs", "planId": "theirs", "status": "IN_PROGRESS"}
    action = record_action(
        strange, owned=False, own_id=True, outcome=RunOutcome.LIVES, told_end=False, now=RUN_AFTER
    )
    assert action is RecordAction.REPORT


def record(**fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "executionId": execution_id("tests", "drs_wiki", "run-1", RUN_AFTER),
        "planId": "wiki",
        "dagId": "drs_wiki",
        "dagRunId": "run-1",
        "triggerTime": RUN_AFTER,
        "executionType": "DRILL",
        "status": "POLLING",
        "attempt": 1,
        "attempts": [{"attempt": 1, "status": "POLLING", "startTime": 1000.0}],
        "startTime": 1000.0,
        "totalWaves": 1,
        "waves": [wave(1, "POLLING")],
    }
    return made | fields


def wave(number: int, status: str, **fields: Any) -> dict[str, Any]:
    return {"waveNumber": number, "waveName": f"w{number}", "status": status, "attempt": 1, **fields}


@pytest.mark.parametrize(
    "change",
    [{"dagRunId": "run-2"}, {"dagId": "drs_other"}, {"triggerTime": RUN_AFTER + 1}, {"triggerTime": None}],
)
def test_an_execution_is_ours_only_if_its_id_can_be_computed_from_its_run(change: dict[str, Any]) -> None:
    assert is_of_deployment(record(), "tests")
    assert not is_of_deployment(record(), "another")
    assert not is_of_deployment(record(**change), "tests")


@given(
    state=st.sampled_from(["queued", "running", "success", "failed", "of a later version"]),
    tasks=st.lists(st.sampled_from(TASK_STATES)),
)
def test_a_run_is_over_only_if_it_says_so_and_nothing_of_it_is_active(
    state: str, tasks: list[str | None]
) -> None:
    outcome = run_outcome(state, {str(number): task for number, task in enumerate(tasks)})
    active = {"running", "deferred", "awaiting_input", "queued"} & set(tasks)
    if state not in ("success", "failed"):
        assert outcome is RunOutcome.LIVES
    else:
        assert outcome is (RunOutcome.STUCK if active else RunOutcome.OVER)


@given(
    owned=st.booleans(),
    own_id=st.booleans(),
    outcome=st.sampled_from(RunOutcome),
    told=st.booleans(),
    quiet=st.floats(0, 2 * FOREIGN_QUIET_SECONDS),
)
def test_only_our_own_quiet_records_of_runs_that_are_over_or_gone_are_changed(
    owned: bool, own_id: bool, outcome: RunOutcome, told: bool, quiet: float
) -> None:
    action = record_action(
        record(), owned=owned, own_id=own_id, outcome=outcome, told_end=told, now=1000.0 + quiet
    )
    unproven = outcome is RunOutcome.GONE and not own_id
    if action in (RecordAction.CLOSE, RecordAction.CATCH_UP):
        assert owned
        assert not unproven
        assert outcome in (RunOutcome.OVER, RunOutcome.GONE)
        assert quiet >= QUIET_SECONDS
        assert (action is RecordAction.CATCH_UP) == (told and outcome is RunOutcome.OVER)
    if action is RecordAction.REPORT:
        assert not owned or unproven or (outcome is RunOutcome.STUCK and quiet >= STUCK_SECONDS)
    if owned and outcome in (RunOutcome.OVER, RunOutcome.GONE) and quiet >= QUIET_SECONDS:
        expected = {RecordAction.REPORT} if unproven else {RecordAction.CLOSE, RecordAction.CATCH_UP}
        assert action in expected


@pytest.mark.parametrize("stored", OPEN_STATUSES)
@pytest.mark.parametrize("outcome", [RunOutcome.OVER, RunOutcome.GONE])
def test_the_end_of_an_orphan_is_a_move_that_the_status_table_allows(
    stored: ExecutionStatus, outcome: RunOutcome
) -> None:
    end = orphan_status(stored, outcome)
    assert end in TERMINAL_EXECUTION
    assert stored in allowed_from(end)


@pytest.mark.parametrize("stored", OPEN_STATUSES)
def test_people_cancel_by_deleting_a_run_and_nothing_else_is_their_doing(stored: ExecutionStatus) -> None:
    assert orphan_status(stored, RunOutcome.GONE) is ExecutionStatus.CANCELLED
    asked = stored is ExecutionStatus.CANCELLING
    assert (orphan_status(stored, RunOutcome.OVER) is ExecutionStatus.CANCELLED) == asked


@given(
    status=st.sampled_from(OPEN_STATUSES),
    outcome=st.sampled_from([RunOutcome.OVER, RunOutcome.GONE]),
    waves=st.lists(st.sampled_from(WaveStatus), min_size=1, max_size=5),
    ended_at=st.floats(0, 5000),
)
def test_a_closed_record_has_no_open_part_and_keeps_what_was_ended(
    status: ExecutionStatus, outcome: RunOutcome, waves: list[WaveStatus], ended_at: float
) -> None:
    given_waves = [wave(number, item.value) for number, item in enumerate(waves, start=1)]
    closed = closed_record(
        record(status=status.value, waves=given_waves),  # type: ignore[arg-type]
        outcome=outcome,
        reason="its DAG run is gone",
        wave_notes={1: "still running: drsjob-1"},
        ended_at=ended_at,
    )
    assert closed["status"] == closed["attempts"][-1]["status"] == orphan_status(status, outcome)
    assert closed["errorMessage"] == "orphaned: its DAG run is gone; wave 1: still running: drsjob-1"
    assert closed["endTime"] == max(ended_at, 1000.0)
    assert closed["verdict"]["result"] == "not verified"
    for before, after in zip(waves, closed["waves"], strict=True):
        if before not in LIVE_WAVE:
            assert after["status"] == before
            continue
        assert WaveStatus(before) in allowed_from(WaveStatus(after["status"]))
        assert after["status"] in ("CANCELLED", "FAILED")
        assert after["errorMessage"]


def test_a_verdict_that_people_gave_stays() -> None:
    closed = closed_record(
        record(verdict={"result": "passed", "by": "dr-tester"}),  # type: ignore[arg-type]
        outcome=RunOutcome.OVER,
        reason="x",
        wave_notes={},
        ended_at=2000.0,
    )
    assert closed["verdict"] == {"result": "passed", "by": "dr-tester"}


def test_the_last_sign_of_life_is_the_newest_time_of_any_part() -> None:
    gate = {"openedAt": 1800.0, "responses": [{"respondedAt": 1900.0}]}
    waves = [wave(1, "POLLING", lastPolledTime=1500.0, gate=gate, jobs=[{"startTime": 1100.0}])]
    assert last_sign_of_life(record(waves=waves), now=5000.0) == 1900.0
    assert last_sign_of_life(record(waves=waves), now=1600.0) == 1500.0, (
        "a clock that runs ahead is not believed"
    )
    assert last_sign_of_life(record(), now=500.0) == 500.0


@pytest.mark.parametrize(
    ("told", "run_state", "believed"),
    [
        ({"status": "COMPLETED"}, "success", True),
        ({"status": "COMPLETED"}, "failed", True),
        ({"status": "FAILED"}, "failed", True),
        ({"status": "FAILED"}, "success", False),
        ({"status": "POLLING"}, "failed", False),
        ({"status": "FAILED", "attempt": 0}, "failed", False),
        ({"status": "FAILED", "planId": "other"}, "failed", False),
        ({"status": "FAILED", "executionId": "other"}, "failed", False),
    ],
)
def test_an_end_is_believed_if_it_is_the_runs_own(
    told: dict[str, Any], run_state: str, believed: bool
) -> None:
    assert is_end_of(record(**told), record(), run_state=run_state) is believed


def test_nothing_told_is_no_end() -> None:
    assert not is_end_of(None, record(), run_state="failed")
