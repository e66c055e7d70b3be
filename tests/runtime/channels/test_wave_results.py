"""A wave's result as XComs, and signed values in general."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.airflow_api.run import RunView
from drs_provider.core.evidence import SIGNATURE
from drs_provider.exceptions import EvidenceError
from drs_provider.rules.record.schema import record_fields
from drs_provider.runtime.channels.channel import fingerprint
from drs_provider.runtime.channels.declared import CLEANUP, WAVE_RESULT
from drs_provider.runtime.channels.party import Run
from drs_provider.runtime.channels.rows import ROWS_PER_XCOM
from tests.harness.airflow_side import XComs

TASK = "wave_1_all.enrich"
KEY = "signing-key-of-tests-0123456789abcdef"


class Instance:
    def __init__(self) -> None:
        self.xcoms = XComs()
        self.task_id = TASK

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms.set(TASK, key, value)

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcoms.get(task_ids, key)


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setenv("AIRFLOW__DRS__SIGNING_KEY", KEY)
    return Instance()


def of(instance: Instance, execution_id: str = "e-1") -> Run:
    """Return as much of an execution as results need."""
    return Run(RunView({"ti": instance}), execution_id, "h")


def push_result(party: Run, result: dict[str, Any]) -> None:
    WAVE_RESULT.publish(party, result, wave=result["waveNumber"])


def pull_result(party: Run, wave: int, task_id: str) -> dict[str, Any] | None:
    return WAVE_RESULT.read(party, wave=wave, task_id=task_id).value


def result(servers: int) -> dict[str, Any]:
    rows = [{"sourceServerId": f"s-{number}"} for number in range(servers)]
    return {"waveNumber": 1, "status": "COMPLETED", "serversTotal": servers, "serverStatuses": rows}


@pytest.mark.parametrize("servers", [0, 1, ROWS_PER_XCOM, ROWS_PER_XCOM + 1, 1001])
def test_what_is_pushed_is_pulled(instance: Instance, servers: int) -> None:
    push_result(of(instance), result(servers))
    pulled = pull_result(of(instance), 1, TASK)
    assert pulled is not None
    assert pulled["serverStatuses"] == result(servers)["serverStatuses"]
    assert record_fields(pulled) == record_fields(result(servers))


def test_many_rows_travel_in_pieces(instance: Instance) -> None:
    push_result(of(instance), result(1001))
    assert "serverStatuses" not in instance.xcoms.get(TASK, keys.WAVE_RESULT)
    assert len(instance.xcoms.get(TASK, keys.server_rows_key(0))) == ROWS_PER_XCOM
    assert len(instance.xcoms.get(TASK, keys.server_rows_key(5))) == 1


@pytest.mark.parametrize("chunk", [0, 5])
def test_trap_37_rows_in_pieces_cannot_be_changed(instance: Instance, chunk: int) -> None:
    push_result(of(instance), result(1001))
    rows = instance.xcoms.get(TASK, keys.server_rows_key(chunk))
    instance.xcoms.set(TASK, keys.server_rows_key(chunk), [{**rows[0], "error": "no"}, *rows[1:]])
    with pytest.raises(EvidenceError, match=keys.server_rows_key(chunk)):
        pull_result(of(instance), 1, TASK)


def test_trap_37_rows_in_pieces_cannot_be_left_out(instance: Instance) -> None:
    push_result(of(instance), result(1001))
    instance.xcoms.set(TASK, keys.server_rows_key(5), [])
    with pytest.raises(EvidenceError, match="server_rows_5"):
        pull_result(of(instance), 1, TASK)


@pytest.mark.parametrize(("field", "value"), [("status", "FAILED"), ("attempt", 2), ("rowsApart", [])])
def test_trap_37_no_field_of_a_result_can_be_changed_or_added(
    instance: Instance, field: str, value: Any
) -> None:
    push_result(of(instance), result(1))
    instance.xcoms.set(TASK, keys.WAVE_RESULT, {**instance.xcoms.get(TASK, keys.WAVE_RESULT), field: value})
    with pytest.raises(EvidenceError, match="wave_result"):
        pull_result(of(instance), 1, TASK)


def test_trap_37_a_result_without_a_signature_is_none(instance: Instance) -> None:
    instance.xcoms.set(TASK, keys.WAVE_RESULT, result(1))
    with pytest.raises(EvidenceError, match="wave_result"):
        pull_result(of(instance), 1, TASK)


def test_trap_37_a_result_of_elsewhere_does_not_count(instance: Instance) -> None:
    push_result(of(instance), result(1))
    with pytest.raises(EvidenceError, match="another wave"):
        pull_result(of(instance), 2, TASK)
    with pytest.raises(EvidenceError, match="another execution_id"):
        pull_result(of(instance, "e-2"), 1, TASK)


def test_trap_37_a_signature_for_another_purpose_does_not_count(instance: Instance) -> None:
    replace(CLEANUP, binds=WAVE_RESULT.binds).publish(of(instance), {"a": 1.5}, wave=1)
    instance.xcoms.set(TASK, keys.WAVE_RESULT, instance.xcoms.get(TASK, keys.CLEANUP))
    with pytest.raises(EvidenceError, match="cleanup_report"):
        pull_result(of(instance), 1, TASK)


def test_a_mark_tells_signed_values_apart(instance: Instance) -> None:
    values = []
    for at in (1, 2):
        CLEANUP.publish(of(instance), {"at": at})
        values.append(instance.xcoms.get(TASK, keys.CLEANUP))
    one, other = values
    assert fingerprint(one) == fingerprint(dict(one)) != fingerprint(other)
    assert fingerprint(one) == fingerprint(one[SIGNATURE])
    assert fingerprint(None) is None
    assert fingerprint({"status": "COMPLETED"}) is None


def test_no_result_is_none(instance: Instance) -> None:
    assert pull_result(of(instance), 1, TASK) is None


def test_a_records_fields_are_without_the_summary() -> None:
    assert record_fields(result(1)).keys() == {"waveNumber", "status", "serverStatuses"}
