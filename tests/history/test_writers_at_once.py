"""Writers of the history side by side, late, or without an answer: none undoes what another wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.history import store
from drs_provider.history.best_effort import BestEffortHistory
from drs_provider.history.outcome import ExecutionRef, HistoryBusyError, Outcome
from drs_provider.history.packing import pack_record
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import ensure_table
from drs_provider.history.values import to_item
from drs_provider.rules.record.merging import apply_wave_result
from drs_provider.rules.record.schema import ExecutionRecord
from tests.history.acts import again, finish, stored
from tests.history.world import T0, launched_rows, record_of

E, W = ExecutionStatus, WaveStatus


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
