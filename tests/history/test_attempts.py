"""Later attempts of an execution in the history: what they open, keep, and are not reached by."""

from __future__ import annotations

import pytest

from drs_provider.core.states import TERMINAL_WAVE, ExecutionStatus, WaveStatus
from drs_provider.history.best_effort import BestEffortHistory
from drs_provider.history.outcome import ExecutionRef, Outcome
from drs_provider.history.store import DynamoDbHistory
from drs_provider.rules.record.merging import new_attempt, with_report
from drs_provider.rules.record.schema import ExecutionRecord
from drs_provider.runtime.history import RunHistory
from tests.history.acts import again, finish, run_wave, stored
from tests.history.world import T0, launched_rows, record_of

E, W = ExecutionStatus, WaveStatus


def test_the_end_of_another_attempt_is_not_taken_for_its_own(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    """A `finalize` that was delayed, while the execution was cleared and ended once more, in the same way."""
    late = finish(record, E.FAILED)
    second = record_of(attempt=2)
    history.start(second)
    history.finalize(ExecutionRef.of(second), finish(second, E.FAILED, T0 + 9000))
    assert RunHistory(ref, BestEffortHistory(history)).finalize(late) == late
    assert stored(history, ref)["attempt"] == 2


def test_finalize_keeps_the_report_and_attempts_that_only_the_writer_knows(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    history.set_execution_status(second, E.POLLING, {"hold": {"openedAt": T0 + 5001}}, full_record=again())
    given = record_of(attempt=2)
    lost = {"attempt": 1, "status": "FAILED", "startTime": T0, "endTime": T0 + 9, "reportUri": "file:///r1"}
    given["attempts"] = [lost, *given["attempts"]]  # type: ignore[list-item]
    given = with_report(finish(given, E.FAILED, T0 + 7000), 2, uri="file:///r2", sha256="2" * 64)
    history.finalize(second, given)
    rows = stored(history, ref)["attempts"]
    assert [row["status"] for row in rows] == ["FAILED", "FAILED"], "the table missed the first end"
    assert [row["reportUri"] for row in rows] == ["file:///r1", "file:///r2"]
    assert history.set_report(second, uri="file:///r2", sha256="2" * 64).outcome is Outcome.UNCHANGED


def test_nothing_is_written_to_an_attempt_that_has_ended(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.finalize(ref, finish(record, E.FAILED))
    before = stored(history, ref)
    assert not history.set_execution_status(ref, E.POLLING)
    assert not history.set_execution_status(ref, None, {"errorMessage": "late"})
    assert not history.set_wave(ref, 1, W.LAUNCHING)
    assert not history.set_wave(ref, 1, None, {"serverStatuses": launched_rows(record, 1)})
    assert not history.put_servers(ref, 1, launched_rows(record, 1), T0 + 9000)
    assert not history.start(record)
    assert stored(history, ref) == before


def test_trap_35_a_new_attempt_opens_the_record_and_keeps_the_first(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.set_wave(ref, 1, None, {"gate": {"armedBy": "conf", "openedAt": T0, "responses": []}})
    run_wave(history, ref, 1, W.COMPLETED)
    run_wave(history, ref, 2, W.FAILED)
    history.finalize(ref, finish(stored(history, ref), E.PARTIAL))
    assert history.set_report(ref, uri="file:///r1", sha256="1" * 64)

    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    result = history.set_wave(second, 2, W.LAUNCHING, {"startTime": T0 + 5001}, full_record=again())
    assert (result.outcome, result.attempt) == (Outcome.APPLIED, 2)
    now = stored(history, ref)
    assert (now["status"], now["attempt"], now["startTime"]) == ("IN_PROGRESS", 2, T0 + 5000)
    assert "endTime" not in now
    assert now["attempts"][0]["endTime"] == T0 + 2000
    assert now["attempts"][0]["reportUri"] == "file:///r1"
    assert (now["completedWaves"], now["failedWaves"]) == (1, 0)
    wave = now["waves"][1]
    assert (wave["attempt"], wave["startTime"]) == (2, T0 + 5001)
    assert "endTime" not in wave
    assert wave["earlierAttempts"] == [
        {
            "attempt": 1,
            "status": "FAILED",
            "startTime": T0 + 2,
            "endTime": T0 + 502,
            "gate": record["waves"][1]["gate"],
        }
    ]
    assert now["waves"][0]["status"] == "COMPLETED", "a wave that is not run again stays"

    stale = history.set_wave(ref, 2, W.FAILED)
    assert (stale.outcome, stale.attempt) == (Outcome.REFUSED, 2)
    assert history.finalize(ref, finish(record, E.FAILED))["attempt"] == 2, "attempt 1 ends nothing any more"

    history.set_wave(second, 2, W.POLLING)
    history.set_wave(second, 2, W.COMPLETED, {"endTime": T0 + 5600})
    history.set_execution_status(second, E.POLLING)
    done = history.finalize(second, finish(stored(history, ref), E.COMPLETED, T0 + 6000))
    assert [row["status"] for row in done["attempts"]] == ["PARTIAL", "COMPLETED"]
    assert done["durationSeconds"] == 1000
    assert history.set_report(second, uri="file:///r2", sha256="2" * 64)
    assert [row["reportUri"] for row in stored(history, ref)["attempts"]] == ["file:///r1", "file:///r2"]


def test_a_start_opens_the_next_attempt_with_its_own_header(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    run_wave(history, ref, 1)
    history.finalize(ref, finish(stored(history, ref), E.FAILED))
    again = record_of(attempt=2, preflight={"errors": 0, "warnings": 7})
    again["startTime"] = T0 + 4000
    assert history.start(again).outcome is Outcome.APPLIED
    now = stored(history, ref)
    assert (now["attempt"], now["status"], now["startTime"]) == (2, "IN_PROGRESS", T0 + 4000)
    assert now["preflight"]["warnings"] == 7
    assert now["waves"][0]["status"] == "COMPLETED"
    assert history.start(again).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("end", sorted(TERMINAL_WAVE))
def test_trap_35_only_a_new_attempt_reopens_a_wave(
    history: DynamoDbHistory, ref: ExecutionRef, end: WaveStatus
) -> None:
    if end is W.SKIPPED:
        assert history.set_wave(ref, 1, end)
    else:
        run_wave(history, ref, 1, end)
    assert history.set_wave(ref, 1, W.LAUNCHING).outcome is Outcome.REFUSED
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    assert history.set_wave(second, 1, W.LAUNCHING, full_record=again()).outcome is Outcome.APPLIED
    assert stored(history, ref)["waves"][0]["status"] == "LAUNCHING"


def test_a_write_that_cannot_tell_how_a_later_attempt_began_does_not_open_it(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    """A trigger's polls: what began the attempt was lost, and what was refused before may have had no waves."""
    refused = finish({**record, "executionId": "refused", "waves": [], "totalWaves": 0}, E.FAILED)
    for first in (refused, finish(record, E.FAILED)):
        history.finalize(ExecutionRef.of(first), first)
        before = history.read(first["executionId"])
        second = ExecutionRef(first["executionId"], first["planId"], 2)
        polled = history.put_servers(second, 1, launched_rows(record, 1), T0 + 6000)
        assert (polled.outcome, polled.attempt) == (Outcome.REFUSED, 1)
        report = history.set_report(second, uri="file:///r2", sha256="2" * 64)
        assert (report.outcome, report.attempt) == (Outcome.REFUSED, 1)
        assert history.read(first["executionId"]) == before


def test_polls_of_a_later_attempt_replace_the_final_rows_of_the_one_before(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    run_wave(history, ref, 1)
    assert history.set_wave(ref, 1, None, {"serverStatuses": launched_rows(record, 1)})
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    assert history.set_wave(second, 1, W.LAUNCHING, full_record=again())
    rows = record["waves"][0]["serverStatuses"]
    assert history.put_servers(second, 1, rows, T0 + 20)
    assert stored(history, ref)["waves"][0]["serverStatuses"] == rows


def test_attempts_may_have_gaps(history: DynamoDbHistory, ref: ExecutionRef) -> None:
    fourth = ExecutionRef(ref.execution_id, ref.plan_id, 4)
    assert history.set_execution_status(fourth, E.PAUSED, full_record=again(4))
    assert history.set_execution_status(fourth, None, {"errorMessage": "x"})
    now = stored(history, ref)
    assert [(row["attempt"], row["status"]) for row in now["attempts"]] == [(1, "PENDING"), (4, "PAUSED")]


def test_a_gate_of_a_new_attempt_keeps_the_earlier_ones_answer(
    history: DynamoDbHistory, ref: ExecutionRef
) -> None:
    answer = {"decision": "reject", "respondedBy": "dr-approver-1", "respondedAt": T0 + 9}
    history.set_wave(ref, 2, None, {"gate": {"armedBy": "plan", "responses": [answer]}})
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    gate = {"armedBy": "plan", "responses": []}
    assert history.set_wave(second, 2, None, {"gate": gate}, full_record=again())
    wave = stored(history, ref)["waves"][1]
    assert wave["gate"]["responses"] == []
    assert wave["earlierAttempts"][0]["gate"]["responses"] == [answer]


def test_pure_and_stored_attempts_agree(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.finalize(ref, finish(record, E.FAILED))
    pure = new_attempt(finish(record, E.FAILED), 2, T0 + 5000)
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    history.set_execution_status(second, None, {"ticket": "CHG-1"}, full_record=again())
    assert stored(history, ref) == {**pure, "ticket": "CHG-1"}
