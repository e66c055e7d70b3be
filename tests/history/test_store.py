from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from drs_provider.core.states import TERMINAL_WAVE, ExecutionStatus, WaveStatus
from drs_provider.history import store
from drs_provider.history.best_effort import BestEffortHistory
from drs_provider.history.outcome import ExecutionRef, HistoryBusyError, Outcome
from drs_provider.history.packing import pack_record
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import DEFAULT_TABLE_NAME, ensure_table
from drs_provider.history.values import to_item
from drs_provider.rules.record.merging import apply_wave_result, close_attempt, new_attempt, with_report
from drs_provider.rules.record.schema import ExecutionRecord
from drs_provider.runtime.history import RunHistory
from tests.history.world import T0, launched_rows, record_of

E, W = ExecutionStatus, WaveStatus


@pytest.fixture
def record(history: DynamoDbHistory) -> ExecutionRecord:
    record = record_of()
    assert history.start(record)
    return record


@pytest.fixture
def ref(record: ExecutionRecord) -> ExecutionRef:
    return ExecutionRef.of(record)


def stored(history: DynamoDbHistory, ref: ExecutionRef) -> ExecutionRecord:
    found = history.read(ref.execution_id, ref.plan_id)
    assert found is not None
    return found


def again(number: int = 2) -> Callable[[], ExecutionRecord]:
    """Return what makes the record with which a later attempt begins."""
    return lambda: {**record_of(attempt=number), "startTime": T0 + 5000}


def run_wave(history: DynamoDbHistory, ref: ExecutionRef, number: int, end: WaveStatus = W.COMPLETED) -> None:
    assert history.set_wave(ref, number, W.LAUNCHING, {"startTime": T0 + number})
    assert history.set_wave(
        ref, number, W.POLLING, {"jobs": [{"jobId": "j", "status": "STARTED", "attempt": 1}]}
    )
    assert history.set_wave(ref, number, end, {"endTime": T0 + 500 + number})


def finish(record: ExecutionRecord, status: ExecutionStatus, at: float = T0 + 2000) -> ExecutionRecord:
    return close_attempt(record, status, ended_at=at)


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


def test_parallel_waves_do_not_overwrite_each_other(history: DynamoDbHistory) -> None:
    record = record_of([3] * 8)
    ref = ExecutionRef.of(record)
    history.start(record)

    def run(number: int) -> None:
        history.set_wave(ref, number, W.LAUNCHING, {"startTime": T0 + number})
        for poll in range(4):
            history.put_servers(ref, number, launched_rows(record, number), T0 + 100 + poll)
        history.set_wave(
            ref, number, W.FAILED if number == 5 else W.POLLING, {"errorMessage": f"wave {number}"}
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(1, 9)))
    now = stored(history, ref)
    for number, wave in enumerate(now["waves"], start=1):
        assert wave["status"] == ("FAILED" if number == 5 else "POLLING")
        assert wave["startTime"] == T0 + number
        assert wave["errorMessage"] == f"wave {number}"
        assert wave["serverStatuses"] == launched_rows(record, number)
        assert wave["dependsOnWaves"] == record["waves"][number - 1]["dependsOnWaves"]
    assert (now["completedWaves"], now["failedWaves"]) == (0, 1)


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


def test_a_record_that_changes_under_every_write_is_a_loss(
    history: DynamoDbHistory, client: Any, record: ExecutionRecord, ref: ExecutionRef, monkeypatch: Any
) -> None:
    monkeypatch.setattr(store, "TRIES", 3)

    class Busy:
        """Somebody else writes before each of this client's puts."""

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def put_item(self, **arguments: Any) -> Any:
            seen = stored(history, ref).get("reason", "")
            assert history.set_execution_status(ref, None, {"reason": f"{seen}!"})
            return client.put_item(**arguments)

    busy = DynamoDbHistory(Busy(), history._table)
    with pytest.raises(HistoryBusyError):
        busy.set_execution_status(ref, E.POLLING)
    best = BestEffortHistory(busy)
    assert best.attempt("a status", lambda table: table.set_execution_status(ref, E.POLLING)) is None
    assert stored(history, ref)["status"] == "PENDING"


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


def test_sixteen_writers_at_once_lose_nothing(history: DynamoDbHistory, client: Any) -> None:
    record = record_of([1] * 16)
    ref = ExecutionRef.of(record)
    history.start(record)

    def run(number: int) -> None:
        mine = DynamoDbHistory(client, history._table)
        for status in (W.LAUNCHING, W.POLLING, W.COMPLETED):
            assert mine.set_wave(ref, number, status, {"errorMessage": f"{number} {status}"})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(1, 17)))
    now = stored(history, ref)
    assert [wave["errorMessage"] for wave in now["waves"]] == [f"{n} COMPLETED" for n in range(1, 17)]
    assert (now["completedWaves"], now["failedWaves"]) == (16, 0)


class Between:
    """A client before one of whose writes something else happens."""

    def __init__(self, client: Any, key: str, happens: Callable[[], object]) -> None:
        self._client = client
        self._key = key
        self._happens: Callable[[], object] | None = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **arguments: Any) -> Any:
        if arguments["Item"]["planId"]["S"] == self._key and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()
        return self._client.put_item(**arguments)


@pytest.mark.parametrize("key", ["erp_three_tier#wave#1#0", "erp_three_tier"])
@pytest.mark.parametrize("attempt", [1, 2])
def test_trap_23_a_poll_delayed_before_either_of_its_writes_changes_nothing(
    history: DynamoDbHistory, client: Any, record: ExecutionRecord, ref: ExecutionRef, key: str, attempt: int
) -> None:
    """The wave ends meanwhile, in the same attempt or in a later one."""
    history.set_wave(ref, 1, W.LAUNCHING)
    writer = ExecutionRef(ref.execution_id, ref.plan_id, attempt)
    after: list[ExecutionRecord] = []

    def ends() -> None:
        assert history.set_wave(writer, 1, W.LAUNCHING, full_record=again())
        assert history.set_wave(writer, 1, W.FAILED, {"serverStatuses": launched_rows(record, 1)})
        after.append(stored(history, ref))

    late = DynamoDbHistory(Between(client, key, ends), history._table)
    pending = [{**row, "error": "late"} for row in record["waves"][0]["serverStatuses"]]
    result = late.put_servers(ref, 1, pending, T0 + 9000)
    assert (result.outcome, result.status) == (Outcome.REFUSED, "FAILED")
    assert [stored(history, ref)] == after


def test_rows_of_a_newer_poll_are_not_replaced_by_one_that_was_delayed(
    history: DynamoDbHistory, client: Any, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.set_wave(ref, 1, W.LAUNCHING)
    newer = launched_rows(record, 1)
    between = Between(client, "erp_three_tier#wave#1#0", lambda: history.put_servers(ref, 1, newer, T0 + 50))
    late = DynamoDbHistory(between, history._table)
    assert not late.put_servers(ref, 1, record["waves"][0]["serverStatuses"], T0 + 49)
    assert stored(history, ref)["waves"][0]["serverStatuses"] == newer


def test_an_end_that_was_delayed_replaces_no_rows_of_a_later_attempt(
    history: DynamoDbHistory, client: Any, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.set_wave(ref, 1, W.LAUNCHING)
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    rows = launched_rows(record, 1)

    def runs_again() -> None:
        assert history.set_wave(second, 1, W.LAUNCHING, full_record=again())
        assert history.put_servers(second, 1, rows, T0 + 50)

    late = DynamoDbHistory(Between(client, "erp_three_tier#wave#1#0", runs_again), history._table)
    failed = [{**row, "error": "late"} for row in rows]
    assert not late.set_wave(ref, 1, W.FAILED, {"serverStatuses": failed})
    assert stored(history, ref)["waves"][0]["serverStatuses"] == rows


def test_rows_that_were_refused_are_not_taken_for_stored(
    history: DynamoDbHistory, client: Any, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    """A newer poll of another triggerer stands in their way, and that one is killed before it writes the wave."""
    history.set_wave(ref, 1, W.LAUNCHING)
    _, (theirs, *_) = pack_record(
        apply_wave_result(record, {"waveNumber": 1, "lastPolledTime": T0 + 50, "errorMessage": "theirs"})
    )
    client.put_item(TableName=history._table, Item=to_item(theirs))
    rows = launched_rows(record, 1)
    for polled_at in (T0 + 49, T0 + 65):
        assert history.put_servers(ref, 1, rows, polled_at)
    assert stored(history, ref)["waves"][0]["serverStatuses"] == rows


def test_a_record_that_has_no_version_is_written_unless_somebody_was_faster(
    history: DynamoDbHistory, client: Any
) -> None:
    record = record_of()
    ref = ExecutionRef.of(record)
    main, _ = pack_record(record)
    client.put_item(TableName=history._table, Item=to_item(main))
    between = Between(client, "erp_three_tier", lambda: history.set_wave(ref, 1, W.LAUNCHING))
    assert DynamoDbHistory(between, history._table).set_execution_status(ref, E.PAUSED)
    now = stored(history, ref)
    assert (now["status"], now["waves"][0]["status"]) == ("PAUSED", "LAUNCHING")


class AnswersLost:
    """A client each of whose writes loses its answer, and is tried again below, as the SDK does."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **arguments: Any) -> Any:
        self._client.put_item(**arguments)
        return self._client.put_item(**arguments)


def test_a_write_whose_answer_was_lost_meets_its_own_effect(client: Any, history: DynamoDbHistory) -> None:
    """The retry finds another version than it read: its own."""
    record = record_of()
    ref = ExecutionRef.of(record)
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    row = {"jobId": "drsjob-1", "status": "STARTED", "attempt": 1}
    ended = launched_rows(record, 1)

    def writes(table: DynamoDbHistory) -> Iterator[object]:
        yield table.start(record)
        yield table.set_execution_status(ref, E.POLLING, {"hold": {"openedAt": T0}})
        yield table.set_wave(ref, 1, W.LAUNCHING, {"jobs": [row]})
        yield table.put_servers(ref, 1, record["waves"][0]["serverStatuses"], T0 + 50)
        yield table.set_wave(ref, 1, W.COMPLETED, {"serverStatuses": ended, "endTime": T0 + 60})
        yield table.finalize(ref, finish(record, E.PARTIAL))
        yield table.set_report(ref, uri="file:///r1", sha256="1" * 64)
        yield table.set_wave(second, 1, W.LAUNCHING, {"startTime": T0 + 5001}, full_record=again())

    seen = []
    for number, made in enumerate((client, AnswersLost(client))):
        name = f"{history._table}-{number}"
        ensure_table(client, name)
        table = DynamoDbHistory(made, name)
        assert all(writes(table))
        seen.append(stored(table, ref))
    assert seen[0] == seen[1]
    assert [row["attempt"] for row in seen[1]["attempts"]] == [1, 2]


def test_pure_and_stored_attempts_agree(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    history.finalize(ref, finish(record, E.FAILED))
    pure = new_attempt(finish(record, E.FAILED), 2, T0 + 5000)
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    history.set_execution_status(second, None, {"ticket": "CHG-1"}, full_record=again())
    assert stored(history, ref) == {**pure, "ticket": "CHG-1"}


def test_a_rollback_of_the_clock_ends_no_attempt_before_it_began(
    history: DynamoDbHistory, record: ExecutionRecord, ref: ExecutionRef
) -> None:
    assert history.finalize(ref, finish(record, E.FAILED, T0 - 60))["durationSeconds"] == 0
    assert DEFAULT_TABLE_NAME == "execution-history"
