from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.history.outcome import ExecutionRef
from drs_provider.history.packing import (
    ITEM_LIMIT_BYTES,
    fit_row,
    pack_record,
    pack_wave,
    unpack_record,
)
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.values import cut_text, fit, from_item, size_of, to_item
from drs_provider.rules.record.execution_record import (
    ExecutionRecord,
    apply_wave_result,
    close_attempt,
    server_rows,
)
from tests.history.world import T0, launched_rows, record_of


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
    assert all("status" not in item for item in items)
    read = unpack_record(from_item(item) for item in stored)
    assert read == record
    assert read is not None
    assert len(server_rows(read)) == 4000


def test_finalize_of_large_waves_writes_what_differs_only(history: DynamoDbHistory, client: Any) -> None:
    record = record_of([260, 2, 2])
    ref = ExecutionRef.of(record)
    assert history.start(record)
    full = all_launched(record)
    for wave in full["waves"]:
        history.set_wave(ref, wave["waveNumber"], WaveStatus.LAUNCHING)
        history.set_wave(ref, wave["waveNumber"], WaveStatus.POLLING)
    for wave in full["waves"][:2]:
        fields = {"serverStatuses": wave["serverStatuses"]}
        assert history.set_wave(ref, wave["waveNumber"], WaveStatus.COMPLETED, fields)
    client.calls.clear()
    final = history.finalize(ref, close_attempt(full, ExecutionStatus.COMPLETED, ended_at=T0 + 2000))
    assert client.calls == ["get_item", "update_item", "update_item"], "the large wave's rows are stored"
    assert server_rows(final) == server_rows(full)
    assert history.read(ref.execution_id) == final


def test_finalize_keeps_stored_rows_that_the_writer_does_not_have(history: DynamoDbHistory) -> None:
    record = record_of([260, 2])
    ref = ExecutionRef.of(record)
    history.start(record)
    rows = launched_rows(record, 1)
    history.put_servers(ref, 1, rows)
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


def test_rows_move_out_of_the_main_item_and_back(history: DynamoDbHistory) -> None:
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
        assert "serverStatusItems" not in read["waves"][0]


def test_checks_of_a_large_wave_move_out_as_well(history: DynamoDbHistory) -> None:
    record = record_of([2])
    ref = ExecutionRef.of(record)
    history.start(record)
    history.set_wave(ref, 1, WaveStatus.LAUNCHING)
    checks = [{"check": "http", "server": f"s-{n}", "ok": True, "detail": "x" * 300} for n in range(150)]
    assert history.set_wave(ref, 1, WaveStatus.POLLING, {"checks": checks})
    read = history.read(ref.execution_id)
    assert read is not None
    assert read["waves"][0]["checks"] == checks
    assert max(size_of(item) for item in items_of(history, ref.execution_id)) < ITEM_LIMIT_BYTES


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
    big = all_launched(record_of([300]))
    _, leftovers = pack_record(big)
    small = record_of([2])
    main, items = pack_record(small)
    assert items == []
    assert unpack_record([*leftovers, main]) == small
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


def test_waves_share_the_item(history: DynamoDbHistory) -> None:
    record = all_launched(record_of([60]))
    wave = record["waves"][0]
    alone, items = pack_wave(ExecutionRef("e", "p", 1, 1), wave)
    assert "serverStatuses" in alone
    assert items == []
    crowded, items = pack_wave(ExecutionRef("e", "p", 1, 50), wave)
    assert "serverStatuses" not in crowded
    assert crowded["serverStatusItems"]["count"] == len(items) == 1
