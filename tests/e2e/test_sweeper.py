"""The sweeper behind a run that somebody deleted, through real Airflow."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution
from drs_provider.history.store import DynamoDbHistory
from drs_provider.rules.record.schema import ExecutionRecord
from embedded import simulated_aws
from embedded.environment import HISTORY_REGION, HISTORY_TABLE
from embedded.needs import ADMIN, CONNECTION
from embedded.stack import Stack
from tests.e2e.conftest import Followed
from tests.e2e.waiting import ended

pytestmark = pytest.mark.e2e

SWEEPER = "drs_sweeper"
ENDS = ("endTime", "durationSeconds", "verdict", "cleanup", "errorMessage")
HOUR = 3600.0


def an_hour_ago(data: Any) -> Any:
    """Return a record as it was written an hour earlier."""
    if isinstance(data, dict):
        return {
            # DRS's times are the simulator's, whose clock runs ahead.
            name: min(value, time.time()) - HOUR
            if isinstance(value, int | float) and name.endswith(("Time", "At"))
            else an_hour_ago(value)
            for name, value in data.items()
        }
    return [an_hour_ago(item) for item in data] if isinstance(data, list) else data


def leave_open(stack: Stack, record: dict[str, Any]) -> None:
    """Let an execution's record be what it is if nobody ended it."""
    account = stack.needs.connections[CONNECTION]
    table = simulated_aws.client("dynamodb", stack.simulator_url, account, HISTORY_REGION)
    key = {"executionId": {"S": record["executionId"]}, "planId": {"S": record["planId"]}}
    table.delete_item(TableName=HISTORY_TABLE, Key=key)
    open_record = {name: value for name, value in an_hour_ago(record).items() if name not in ENDS}
    # Its run is what it is identified by.
    open_record |= {"status": "POLLING", "triggerTime": record["triggerTime"]}
    attempts = [{"attempt": 1, "status": "POLLING", "startTime": open_record["startTime"]}]
    DynamoDbHistory(table, HISTORY_TABLE).start(cast("ExecutionRecord", open_record | {"attempts": attempts}))


def sweep(stack: Stack, **conf: Any) -> tuple[str, dict[str, Any]]:
    """Trigger the sweeper; return its run's colour and its report."""
    stack.wait_for_dag(SWEEPER)
    with stack.api() as api:
        run = ended(stack, Execution.start(api, SWEEPER, conf))
        return str(run.run["state"]), run.facts(keys.SWEEP, keys.SWEEP_REPORT)


def test_the_record_of_a_deleted_run_is_closed(stack: Stack, drill: Followed) -> None:
    account = stack.needs.connections[CONNECTION]
    leave_open(stack, drill.record)
    before, caught_up = sweep(stack, dry_run=True, targets=[account])
    with stack.api(ADMIN) as api:
        api.request("DELETE", Execution.of(api, "drs_erp_three_tier", drill.outcome.run_id).path)
    state, report = sweep(stack, targets=[account])
    record = simulated_aws.stored_record(stack.simulator_url, account, drill.record["executionId"])

    (found,) = [
        item for item in caught_up["findings"] if item.get("executionId") == drill.record["executionId"]
    ]
    assert found["action"] == "would catch up", "its run is there, and told its end"
    assert (before, state, report["ok"]) == ("success", "success", True), report
    assert record is not None
    assert record["status"] == "CANCELLED"
    assert record["errorMessage"].startswith("orphaned: its DAG run is gone")
    (found,) = [item for item in report["findings"] if item.get("executionId") == drill.record["executionId"]]
    assert found["action"] == "closed"
