"""A wave's result as XComs."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider import keys
from drs_provider.runtime.run import RunView
from drs_provider.runtime.wave_results import ROWS_PER_XCOM, pull_result, push_result, record_fields
from tests.harness.airflow_side import XComs

TASK = "wave_1_all.enrich"


class Instance:
    def __init__(self) -> None:
        self.xcoms = XComs()

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms.set(TASK, key, value)

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcoms.get(task_ids, key)


def result(servers: int) -> dict[str, Any]:
    rows = [{"sourceServerId": f"s-{number}"} for number in range(servers)]
    return {"waveNumber": 1, "status": "COMPLETED", "serversTotal": servers, "serverStatuses": rows}


@pytest.mark.parametrize("servers", [0, 1, ROWS_PER_XCOM, ROWS_PER_XCOM + 1, 1001])
def test_what_is_pushed_is_pulled(servers: int) -> None:
    instance = Instance()
    view = RunView({"ti": instance})
    push_result(view, result(servers))
    pulled = pull_result(view, TASK)
    assert pulled is not None
    assert pulled["serverStatuses"] == result(servers)["serverStatuses"]
    assert record_fields(pulled) == record_fields(result(servers))


def test_many_rows_travel_in_pieces() -> None:
    instance = Instance()
    push_result(RunView({"ti": instance}), result(1001))
    assert "serverStatuses" not in instance.xcoms.get(TASK, keys.WAVE_RESULT)
    assert len(instance.xcoms.get(TASK, keys.server_rows_key(0))) == ROWS_PER_XCOM
    assert len(instance.xcoms.get(TASK, keys.server_rows_key(5))) == 1


def test_no_result_is_none() -> None:
    assert pull_result(RunView({"ti": Instance()}), TASK) is None


def test_a_records_fields_are_without_the_summary() -> None:
    assert record_fields(result(1)).keys() == {"waveNumber", "status", "serverStatuses"}
