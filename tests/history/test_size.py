from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.states import TERMINAL_EXECUTION, ExecutionStatus, WaveStatus
from drs_provider.history.outcome import ExecutionRef
from drs_provider.history.packing import (
    INLINE_BYTES,
    fit_row,
    pack_record,
    unpack_record,
)
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.values import cut_text, fit, from_item, size_of, to_item
from drs_provider.rules.record.merging import apply_wave_result, close_attempt, server_rows
from drs_provider.rules.record.schema import ExecutionRecord
from tests.history.world import ITEM_LIMIT_BYTES, T0, launched_rows, record_of


def all_launched(record: ExecutionRecord, **fields: Any) -> ExecutionRecord:
    for wave in record["waves"]:
        number = wave["waveNumber"]
        rows = launched_rows(record, number, **fields)
        record = apply_wave_result(
            record, {"waveNumber": number, "status": "COMPLETED", "serverStatuses": rows}
        )
    return record


def items_of(history: DynamoDbHistory, execution_id: str) -> list[dict[str, Any]]:
    return list(history._query("executionId", execution_id))


def test_trap_26_a_record_of_4000_servers_fits_and_loses_nothing() -> None:
    record = close_attempt(all_launched(record_of([400] * 10)), ExecutionStatus.COMPLETED, ended_at=T0 + 2000)
    main, items = pack_record(record)
    stored = [to_item(item) for item in (main, *items)]
    assert max(size_of(item) for item in (main, *items)) < ITEM_LIMIT_BYTES
    assert len(items) == 40
    assert not any({"status", "startTime"} & item.keys() for item in items), "no index shows them"
    assert {(item["attempt"], item["final"], item["polledTime"]) for item in items} == {(1, True, 0)}
    read = unpack_record(from_item(item) for item in stored)
    assert read == record
    assert read is not None
    assert len(server_rows(read)) == 4000


def ran(history: DynamoDbHistory, ref: ExecutionRef, full: ExecutionRecord) -> None:
    """Write every wave as it goes: begun, polled, and ended with its rows."""
    for wave in full["waves"]:
        number, rows = wave["waveNumber"], wave["serverStatuses"]
        assert history.set_wave(ref, number, WaveStatus.LAUNCHING)
        assert history.put_servers(ref, number, rows, T0 + 20)
        assert history.set_wave(ref, number, WaveStatus.COMPLETED, {"serverStatuses": rows})


def test_finalize_writes_what_differs_only(history: DynamoDbHistory, client: Any) -> None:
    record = record_of([260, 2, 2])
    ref = ExecutionRef.of(record)
    assert history.start(record)
    full = all_launched(record)
    ran(history, ref, full)
    client.calls.clear()
    again = DynamoDbHistory(client, history._table)
    final = again.finalize(ref, close_attempt(full, ExecutionStatus.COMPLETED, ended_at=T0 + 2000))
    assert client.calls == ["put_item"], "all rows are stored as they are (pages of a query are not counted)"
    assert server_rows(final) == server_rows(full)
    assert history.read(ref.execution_id) == final


def test_rows_are_written_before_what_says_that_they_are_there(history: DynamoDbHistory, client: Any) -> None:
    record = record_of([120, 2])
    ref = ExecutionRef.of(record)
    client.put.clear()
    assert history.start(record)
    rows, main = [f"erp_three_tier#wave#{part}" for part in ("1#0", "1#1", "2#0")], "erp_three_tier"
    assert (sorted(client.put[:-1]), client.put[-1]) == (rows, main)
    history.set_wave(ref, 1, WaveStatus.LAUNCHING)
    client.put.clear()
    fields = {"serverStatuses": launched_rows(record, 1)}
    assert history.set_wave(ref, 1, WaveStatus.COMPLETED, fields)
    assert (sorted(client.put[:-1]), client.put[-1]) == (rows[:2], main)


def test_a_poll_writes_only_the_items_in_which_something_happened(
    history: DynamoDbHistory, client: Any
) -> None:
    record = record_of([250])
    ref = ExecutionRef.of(record)
    history.start(record)
    history.set_wave(ref, 1, WaveStatus.LAUNCHING)
    rows: list[dict[str, Any]] = [dict(row) for row in record["waves"][0]["serverStatuses"]]
    written = []
    for poll, changed in enumerate((None, None, 130, None)):
        rows = [{**row, "lastPolledTime": T0 + poll, "pollAttempts": poll + 1} for row in rows]
        if changed is not None:
            rows[changed]["launchStatus"] = "LAUNCHED"
        client.put.clear()
        assert history.put_servers(ref, 1, rows, T0 + poll)
        written.append(client.put[:])
    main = "erp_three_tier"
    assert written == [[main], [main], [f"{main}#wave#1#1", main], [main]]
    read = history.read(ref.execution_id)
    assert read is not None
    assert read["waves"][0]["launchStatusCounts"] == {"LAUNCHED": 1, "PENDING": 249}
    assert read["waves"][0]["lastPolledTime"] == T0 + 3


def test_finalize_keeps_stored_rows_that_the_writer_does_not_have(history: DynamoDbHistory) -> None:
    record = record_of([260, 2])
    ref = ExecutionRef.of(record)
    history.start(record)
    rows = launched_rows(record, 1)
    history.put_servers(ref, 1, rows, T0 + 20)
    final = close_attempt(record, ExecutionStatus.FAILED, ended_at=T0 + 2000)
    for wave in final["waves"]:
        wave.pop("serverStatuses")
    assert history.finalize(ref, final)["waves"][0]["serverStatuses"] == rows
    read = history.read(ref.execution_id)
    assert read is not None
    assert read["waves"][0]["serverStatuses"] == rows


def test_readers_of_the_indexes_do_not_see_row_items(history: DynamoDbHistory) -> None:
    record = all_launched(record_of([2, 120]))
    history.start(record)
    ref = ExecutionRef.of(record)
    keys = [item["planId"] for item in items_of(history, ref.execution_id)]
    assert "erp_three_tier#wave#2#0" in keys
    assert [found["planId"] for found in history.by_plan("erp_three_tier")] == ["erp_three_tier"]
    assert [found["planId"] for found in history.by_status(ExecutionStatus.PENDING)] == ["erp_three_tier"]
    assert history.by_plan("erp_three_tier#wave#2#0") == []


def test_rows_of_a_poll_replace_those_before_however_many_they_are(history: DynamoDbHistory) -> None:
    record = record_of([2])
    ref = ExecutionRef.of(record)
    history.start(record)
    history.set_wave(ref, 1, WaveStatus.LAUNCHING)
    rows = launched_rows(record_of([230]), 1)
    for poll, count in enumerate((2, 230, 1)):
        assert history.put_servers(ref, 1, rows[:count], T0 + poll)
        read = history.read(ref.execution_id)
        assert read is not None
        assert read["waves"][0]["serverStatuses"] == rows[:count]
        assert read["waves"][0]["launchStatusCounts"] == {"LAUNCHED": count}


def test_steps_are_in_items_of_their_own_as_well(history: DynamoDbHistory) -> None:
    record = record_of([2])
    ref = ExecutionRef.of(record)
    history.start(record)
    history.set_wave(ref, 1, WaveStatus.LAUNCHING)
    steps = [{"name": f"http_{n}", "status": "PASSED", "output": "x" * 300} for n in range(150)]
    assert history.set_wave(ref, 1, WaveStatus.POLLING, {"steps": steps})
    read = history.read(ref.execution_id)
    assert read is not None
    assert read["waves"][0]["steps"] == steps
    assert max(size_of(item) for item in items_of(history, ref.execution_id)) < ITEM_LIMIT_BYTES
    second = ExecutionRef(ref.execution_id, ref.plan_id, 2)
    assert history.set_wave(second, 1, WaveStatus.LAUNCHING, full_record=lambda: record_of([2], attempt=2))
    read = history.read(ref.execution_id)
    assert read is not None
    assert "steps" not in read["waves"][0], "they say nothing of the next attempt"


def test_the_largest_texts_people_can_give_still_fit() -> None:
    long = "é" * 100_000
    rows = {
        "error": long,
        "hostname": long,
        "transitionHistory": [{"status": "PENDING", "timestamp": T0 + n} for n in range(2000)],
    }
    record = record_of(
        [4] * 100,
        reason=long,
        ticket=long,
        preflight={"findings": [{"text": long}] * 200, "errors": 0},
        overrides=[{"what": long, "who": "dr-lead", "why": long}] * 500,
    )
    record["waves"][0]["gate"] = {
        "armedBy": "plan",
        "responses": [{"decision": "approve", "respondedBy": "a", "respondedAt": T0, "comment": long}],
    }
    record = all_launched(record, **rows)
    main, items = pack_record(record)
    assert max(size_of(item) for item in (main, *items)) < ITEM_LIMIT_BYTES
    assert len(to_item(main)) == len(main)
    read = unpack_record([main, *items])
    assert read is not None
    assert read["reason"].startswith("éé")
    assert read["reason"].endswith("[cut]")
    assert read["overrides"][-1]["truncated"] > 400
    assert read["preflight"]["truncated"] is True
    row = read["waves"][99]["serverStatuses"][-1]
    assert row["truncated"] is True
    assert row["transitionHistory"][-1]["timestamp"] == T0 + 1999
    assert row["instanceId"] == record["waves"][99]["serverStatuses"][-1]["instanceId"]


def test_a_cleanup_of_4000_instances_still_fits() -> None:
    cleanup = {"action": "terminated", "instances": 4000, "terminated": [f"i-{n:017x}" for n in range(4000)]}
    record = close_attempt(record_of(), ExecutionStatus.COMPLETED, ended_at=T0, cleanup=cleanup)
    main, _ = pack_record(record)
    assert size_of(main) < 60_000
    assert main["cleanup"] == {"action": "terminated", "instances": 4000, "truncated": True}
    assert main["attempts"][0]["cleanup"]["instances"] == 4000


def test_leftover_row_items_of_a_larger_attempt_are_not_read() -> None:
    _, leftovers = pack_record(all_launched(record_of([300])))
    small = record_of([2], attempt=2)
    main, items = pack_record(small)
    assert unpack_record([*leftovers[1:], main, *items]) == small
    assert unpack_record(leftovers) is None


def test_a_row_item_that_is_not_there_yet_hides_no_others() -> None:
    record = all_launched(record_of([300]))
    main, items = pack_record(record)
    read = unpack_record([main, *items[1:]])
    assert read is not None
    assert len(server_rows(read)) == 200


plain = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(10**15), 10**15),
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15).filter(
            lambda value: value == 0 or abs(value) > 1e-100
        ),
        st.sampled_from(["", "a", "é", "s-1111111111111111a"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["x", "y", "z"]), plain, max_size=3))
def test_values_come_back_as_they_were(record: dict[str, Any]) -> None:
    assert from_item(to_item(record)) == record
    assert size_of(record) >= len(json.dumps(record, ensure_ascii=False, separators=("", "")).encode()) // 8


def test_none_is_absent_and_tuples_are_lists() -> None:
    assert from_item(to_item({"a": None, "b": (1, 2.5), "c": {"d": None}})) == {"b": [1, 2.5], "c": {}}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be stored"):
        to_item({"a": value})


@given(st.integers(10, 400), st.sampled_from(["é", "a", "日"]), st.integers(0, 400))
def test_texts_are_cut_between_characters(limit: int, sign: str, count: int) -> None:
    cut = cut_text(sign * count, limit)
    assert len(cut.encode()) <= limit
    assert cut == sign * count or cut.endswith("… [cut]")


@given(st.dictionaries(st.sampled_from("abcdef"), plain, max_size=6), st.integers(100, 300))
def test_fit_keeps_within_its_limit(value: dict[str, Any], limit: int) -> None:
    fitted = fit(value, limit)
    assert size_of(fitted) <= limit
    assert fitted == value or fitted["truncated"] is True


def test_a_row_that_fits_is_left_alone() -> None:
    row = launched_rows(record_of([1]), 1)[0]
    assert fit_row(row) == row


def test_who_reads_by_an_index_sees_rows_while_they_fit_and_counts_always(history: DynamoDbHistory) -> None:
    record = record_of([130, 2, 3])
    ref = ExecutionRef.of(record)
    history.start(record)
    full = all_launched(record)
    ran(history, ref, full)
    (running,) = history.by_plan("erp_three_tier")
    assert [wave.get("serverStatuses") for wave in running["waves"]] == [None] * 3
    history.finalize(ref, close_attempt(full, ExecutionStatus.COMPLETED, ended_at=T0 + 2000))
    (over,) = history.by_plan("erp_three_tier")
    assert [len(wave.get("serverStatuses", ())) for wave in over["waves"]] == [0, 2, 3]
    assert [wave["launchStatusCounts"] for wave in over["waves"]] == [{"LAUNCHED": n} for n in (130, 2, 3)]
    assert history.set_report(ref, uri="file:///r", sha256="0" * 64)
    assert len(server_rows(history.by_plan("erp_three_tier")[0])) == 5
    read = history.read(ref.execution_id)
    assert read is not None
    assert server_rows(read) == server_rows(full)


def test_trap_26_the_main_item_of_100_waves_stays_small() -> None:
    record = record_of([4] * 100)
    gate = {
        "armedBy": "plan",
        "message": "Check the database first.",
        "openedAt": T0,
        "closedAt": T0 + 60,
        "outcome": "approved",
        "responses": [{"decision": "approve", "respondedBy": "dr-approver-1", "respondedAt": T0 + 60}],
    }
    for number in range(1, 101):
        job = {"jobId": f"drsjob-{number:017d}", "status": "COMPLETED", "attempt": 1, "startTime": T0}
        result: dict[str, Any] = {
            "waveNumber": number,
            "status": "COMPLETED",
            "jobs": [{**job, "endTime": T0 + 800}],
            "startTime": T0,
            "endTime": T0 + 900,
            "lastPolledTime": T0 + 890,
            "serverStatuses": launched_rows(record, number),
        }
        record = apply_wave_result(record, result | ({"gate": gate} if number % 5 == 0 else {}))
    running, _ = pack_record(record)
    over, _ = pack_record(close_attempt(record, ExecutionStatus.COMPLETED, ended_at=T0 + 2000))
    assert size_of(running) < size_of(over) <= INLINE_BYTES


fields = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.sampled_from(["quarterly drill", "é" * 9000]),
        "conf": st.dictionaries(
            st.sampled_from("abc"), st.sampled_from([1, 1.0, 0.5, "x" * 9000]), max_size=3
        ),
        "errorMessage": st.sampled_from(["no", "y" * 30_000]),
    },
)


@given(
    st.lists(st.sampled_from([1, 2, 40, 130]), min_size=1, max_size=3),
    fields,
    st.sampled_from(["", "é" * 4000]),
    st.sampled_from([None, *sorted(TERMINAL_EXECUTION)]),
)
def test_what_was_read_is_put_back_as_it_was(
    sizes: list[int], given_fields: dict[str, Any], error: str, status: ExecutionStatus | None
) -> None:
    """On the wire, whatever was cut and whatever fitted: a change of one field rewrites nothing else."""
    record = all_launched(record_of(sizes), **({"error": error} if error else {}))
    record |= given_fields  # type: ignore[typeddict-item]
    if status is not None:
        record = close_attempt(record, status, ended_at=T0 + 2000)
    main, items = pack_record(record)
    wire, rows = to_item(main), [to_item(item) for item in items]
    whole = unpack_record(map(from_item, [wire, *rows]))
    alone = unpack_record([from_item(wire)])
    assert whole is not None
    assert alone is not None
    again, same = pack_record(whole)
    assert (to_item(again), [to_item(item) for item in same]) == (wire, rows)
    assert to_item(pack_record(alone)[0]) == wire
