from __future__ import annotations

from typing import Any

import pytest

from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.history.best_effort import BestEffortHistory
from drs_provider.history.outcome import ExecutionRef, Outcome
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import DEFAULT_TABLE_NAME
from drs_provider.history.values import to_item
from drs_provider.rules.record.merging import apply_wave_result
from drs_provider.rules.record.schema import ExecutionRecord
from drs_provider.runtime.history import RunHistory
from tests.history.acts import finish, run_wave, stored
from tests.history.world import T0, launched_rows, record_of

E, W = ExecutionStatus, WaveStatus


def test_what_is_started_is_what_is_read(history: DynamoDbHistory, record: ExecutionRecord) -> None:
    assert history.read(record["executionId"], record["planId"]) == record
    assert history.read(record["executionId"]) == record
    assert history.read("another", record["planId"]) is None


def test_a_retried_start_changes_nothing(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    assert history.set_execution_status(ref, E.IN_PROGRESS)
    again = history.start(record)
    assert (again.outcome, again.status) == (Outcome.UNCHANGED, "IN_PROGRESS")
    assert stored(history, ref)["status"] == "IN_PROGRESS"


def test_trap_06_a_poll_never_touches_the_executions_status(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.set_execution_status(ref, E.IN_PROGRESS)
    assert history.set_execution_status(ref, E.PAUSED)
    history.set_wave(ref, 1, W.LAUNCHING)
    rows = launched_rows(record, 1)
    assert history.put_servers(ref, 1, rows, T0 + 50)
    now = stored(history, ref)
    assert now["status"] == "PAUSED"
    assert now["waves"][0]["serverStatuses"] == rows
    assert now["lastPolledTime"] == now["waves"][0]["lastPolledTime"] == T0 + 50
    assert now["waves"][1:] == record["waves"][1:]


def test_trap_06_a_late_poll_does_not_reopen_a_wave(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    run_wave(history, ref, 1)
    enriched = launched_rows(record, 1)
    assert history.set_wave(ref, 1, None, {"serverStatuses": enriched}), "enrichment comes after the verdict"
    late = history.put_servers(ref, 1, record["waves"][0]["serverStatuses"], T0 + 9000)
    assert (late.outcome, late.status) == (Outcome.REFUSED, "COMPLETED")
    assert stored(history, ref)["waves"][0]["serverStatuses"] == enriched


def test_an_older_poll_does_not_replace_a_newer_one(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.set_wave(ref, 1, W.LAUNCHING)
    rows = launched_rows(record, 1)
    assert history.put_servers(ref, 1, rows, T0 + 50)
    assert not history.put_servers(ref, 1, record["waves"][0]["serverStatuses"], T0 + 49)
    assert stored(history, ref)["waves"][0]["serverStatuses"] == rows


def test_trap_07_only_finalize_writes_a_terminal_status(history: DynamoDbHistory, ref: ExecutionRef) -> None:
    for status in (E.COMPLETED, E.PARTIAL, E.FAILED, E.CANCELLED):
        with pytest.raises(ValueError, match="finalize"):
            history.set_execution_status(ref, status)
    run_wave(history, ref, 1)
    assert stored(history, ref)["status"] == "PENDING"


def test_a_refused_transition_says_what_is_stored(history: DynamoDbHistory, ref: ExecutionRef) -> None:
    assert history.set_execution_status(ref, E.PAUSED)
    for status in (E.IN_PROGRESS, E.CANCELLING):
        refused = history.set_execution_status(ref, status)
        assert (refused.outcome, refused.status, refused.attempt) == (Outcome.REFUSED, "PAUSED", 1)
    run_wave(history, ref, 2, W.FAILED)
    refused = history.set_wave(ref, 2, W.COMPLETED, {"errorMessage": "no"})
    assert (refused.outcome, refused.status) == (Outcome.REFUSED, "FAILED")
    assert "errorMessage" not in stored(history, ref)["waves"][1]


def test_a_repeated_transition_writes_its_fields_and_counts_once(
    history: DynamoDbHistory, ref: ExecutionRef
) -> None:
    run_wave(history, ref, 1)
    again = history.set_wave(ref, 1, W.COMPLETED, {"endTime": T0 + 9999, "enrichmentIncomplete": True})
    assert again.outcome is Outcome.APPLIED
    assert history.set_wave(ref, 1, W.COMPLETED).outcome is Outcome.UNCHANGED
    now = stored(history, ref)
    assert now["waves"][0]["endTime"] == T0 + 501, "times are written once (trap 18)"
    assert now["waves"][0]["enrichmentIncomplete"] is True
    assert (now["completedWaves"], now["failedWaves"], now["currentWave"]) == (1, 0, 1)


def test_pause_and_resume_are_seen_in_the_attempt_as_well(
    history: DynamoDbHistory, ref: ExecutionRef
) -> None:
    for status in (E.IN_PROGRESS, E.POLLING, E.PAUSED, E.POLLING):
        assert history.set_execution_status(ref, status)
        now = stored(history, ref)
        assert now["status"] == now["attempts"][0]["status"] == status
    assert history.set_execution_status(ref, E.POLLING, {"errorMessage": "x"})
    assert history.set_execution_status(ref, E.POLLING, {"errorMessage": "x"}).outcome is Outcome.UNCHANGED
    assert stored(history, ref)["errorMessage"] == "x"
    assert history.set_execution_status(ref, None, {"hold": {"openedAt": T0}})
    assert stored(history, ref)["hold"] == {"openedAt": T0}


def test_fields_that_the_history_owns_are_refused(history: DynamoDbHistory, ref: ExecutionRef) -> None:
    with pytest.raises(ValueError, match="waves"):
        history.set_execution_status(ref, None, {"waves": []})
    with pytest.raises(ValueError, match="status"):
        history.set_wave(ref, 1, None, {"status": "COMPLETED"})
    with pytest.raises(ValueError, match="no wave 9"):
        history.set_wave(ref, 9, W.LAUNCHING)


def test_finalize_is_idempotent_and_returns_what_is_stored(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.set_execution_status(ref, E.IN_PROGRESS)
    history.set_execution_status(ref, E.POLLING)
    final = finish(record, E.FAILED)
    first = history.finalize(ref, final)
    assert first == stored(history, ref)
    assert (first["status"], first["endTime"], first["durationSeconds"]) == ("FAILED", T0 + 2000, 2000)
    assert first["attempts"][0]["status"] == "FAILED"
    second = history.finalize(ref, finish(record, E.COMPLETED, T0 + 9000))
    assert second == first, "the second call returns what is stored"
    with pytest.raises(ValueError, match="does not end"):
        history.finalize(ref, record)


def test_finalize_repairs_waves_whose_writes_were_lost(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.set_wave(ref, 1, W.LAUNCHING, {"startTime": T0 + 1})
    final = record
    for number in (1, 2, 3):
        final = apply_wave_result(
            final,
            {
                "waveNumber": number,
                "status": "COMPLETED",
                "startTime": T0 + number * 600,
                "endTime": T0 + number * 600 + 533,
                "serverStatuses": launched_rows(record, number),
            },
        )
    written = history.finalize(ref, finish(final, E.COMPLETED, T0 + 2400))
    now = stored(history, ref)
    assert now == written
    assert now["waves"][0]["startTime"] == T0 + 1, "the stored time stays"
    assert [wave["status"] for wave in now["waves"]] == ["COMPLETED"] * 3
    assert now["waves"][2]["serverStatuses"] == launched_rows(record, 3)
    assert (now["completedWaves"], now["failedWaves"], now["status"]) == (3, 0, "COMPLETED")


def test_finalize_does_not_jump_over_a_cancel_whoever_stored_it(history: DynamoDbHistory) -> None:
    record = record_of()
    row = {**record["attempts"][0], "status": E.CANCELLING.value}
    record |= {"status": E.CANCELLING.value, "attempts": [row]}  # type: ignore[typeddict-item]
    assert history.start(record)
    ref = ExecutionRef.of(record)
    assert history.finalize(ref, finish(record, E.COMPLETED))["status"] == "CANCELLING"
    assert history.finalize(ref, finish(record, E.CANCELLED))["status"] == "CANCELLED"


def test_polls_are_written_every_15_seconds_a_wave_however_often_they_come(
    history: DynamoDbHistory, client: Any, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    told = RunHistory(ref, BestEffortHistory(history))
    for number in (1, 2):
        history.set_wave(ref, number, W.LAUNCHING)
    client.put.clear()
    written = []
    for second in range(0, 40, 2):
        for number in (1, 2):
            told.wave_polled(number, launched_rows(record, number), T0 + second, started_at=None)
        written += [second] * client.put.count("erp_three_tier")
        client.put.clear()
    assert written == [0, 0, 16, 16, 32, 32]


def test_trap_32_an_absent_execution_is_caught_up_from_the_full_record(history: DynamoDbHistory) -> None:
    record = record_of()
    ref = ExecutionRef.of(record)
    assert history.set_wave(ref, 2, W.LAUNCHING).outcome is Outcome.ABSENT
    assert history.read(ref.execution_id) is None
    ahead = apply_wave_result(record, {"waveNumber": 1, "status": "COMPLETED", "endTime": T0 + 500})
    assert history.set_wave(ref, 2, W.LAUNCHING, {"startTime": T0 + 600}, full_record=lambda: ahead)
    now = stored(history, ref)
    assert [wave["status"] for wave in now["waves"]] == ["COMPLETED", "LAUNCHING", "PENDING"]
    assert now["completedWaves"] == 1


def test_trap_32_finalize_writes_an_execution_of_which_every_write_was_lost(history: DynamoDbHistory) -> None:
    final = finish(record_of(), E.FAILED)
    ref = ExecutionRef.of(final)
    assert history.finalize(ref, final) == final
    assert stored(history, ref) == final


def test_the_report_is_noted_once(history: DynamoDbHistory, ref: ExecutionRef) -> None:
    assert history.set_report(ref, uri="file:///a", sha256="a" * 64).outcome is Outcome.APPLIED
    assert history.set_report(ref, uri="file:///a", sha256="a" * 64).outcome is Outcome.UNCHANGED
    assert history.set_report(ref, uri="file:///b", sha256="b" * 64).outcome is Outcome.REFUSED
    assert stored(history, ref)["attempts"][0]["reportUri"] == "file:///a"
    assert history.set_report_error(ref, "no such bucket").outcome is Outcome.UNCHANGED


def test_why_there_is_no_report_is_noted_until_there_is_one(
    history: DynamoDbHistory, ref: ExecutionRef
) -> None:
    assert history.set_report_error(ref, "no such bucket").outcome is Outcome.APPLIED
    assert stored(history, ref)["attempts"][0]["reportError"] == "no such bucket"
    assert history.set_report(ref, uri="file:///a", sha256="a" * 64).outcome is Outcome.APPLIED
    assert "reportError" not in stored(history, ref)["attempts"][0]


@pytest.mark.parametrize("waves", [[{"WaveName": "all"}], ["a text"], None, 3])
def test_records_of_other_systems_hide_no_others(
    history: DynamoDbHistory, client: Any, waves: object
) -> None:
    history.start(record_of())
    key = {"executionId": "0-theirs", "planId": "erp_three_tier"}
    theirs = {**key, "status": "PENDING", "startTime": 1, "waves": waves}
    item = to_item(theirs) | ({"waves": {"NULL": True}} if waves is None else {})
    for more in ({}, {"planId": {"S": "erp_three_tier#theirs"}}):
        client.put_item(TableName=history._table, Item={**item, **more})
    assert [found["waves"] for found in history.by_plan("erp_three_tier")][1:] == [waves]
    assert len(history.by_status(E.PENDING)) == 2
    assert sorted(history.ids_by_status(E.PENDING))[0] == "0-theirs"
    if waves == [{"WaveName": "all"}]:
        assert history.read("0-theirs") == theirs


def test_indexes_show_executions_newest_first(history: DynamoDbHistory) -> None:
    for number in range(5):
        record = record_of(
            execution_id=f"execution-{number}", plan_name="wiki" if number == 3 else "erp_three_tier"
        )
        record["startTime"] = T0 + number
        history.start(record)
        if number == 1:
            history.set_execution_status(ExecutionRef.of(record), E.IN_PROGRESS)
    assert [r["executionId"] for r in history.by_plan("erp_three_tier")] == [
        "execution-4",
        "execution-2",
        "execution-1",
        "execution-0",
    ]
    assert [r["executionId"] for r in history.by_plan("erp_three_tier", limit=2)] == [
        "execution-4",
        "execution-2",
    ]
    assert [r["executionId"] for r in history.by_status(E.IN_PROGRESS)] == ["execution-1"]
    assert history.by_status(E.FAILED) == []


def test_a_rollback_of_the_clock_ends_no_attempt_before_it_began(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    assert history.finalize(ref, finish(record, E.FAILED, T0 - 60))["durationSeconds"] == 0
    assert DEFAULT_TABLE_NAME == "execution-history"
