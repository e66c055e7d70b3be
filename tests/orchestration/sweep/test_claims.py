"""Claims on servers: with an owner and an end, in no place where readers of executions look (trap 17)."""

from __future__ import annotations

import pytest

from drs_provider import keys
from drs_provider.core.states import ExecutionStatus
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import is_rows_key
from drs_provider.history.values import from_item
from drs_provider.rules.concurrency.claims import Claim
from tests.harness.plan_run import PlanRun
from tests.harness.plans import plan
from tests.harness.stage import TABLE, Stage
from tests.harness.sweeps import Sweeps, sweeps

__all__ = ["sweeps"]


def holding(play: Stage) -> tuple[PlanRun, Claim]:
    """Return an execution that holds its servers, and its claim."""
    run = play.plan_run(plan()).approve_everything()
    run.go_until("hold_drill")
    stored = run.xcom(keys.PREPARE, keys.CLAIM)
    return run, Claim(**stored.get("payload", stored))


def test_trap_17_a_claim_has_an_owner_and_an_end(play: Stage) -> None:
    run, claim = holding(play)
    assert (claim.dag_id, claim.run_id) == (run.dag_run.dag_id, run.dag_run.run_id)
    assert claim.initiated_by == "dr-operator"
    assert claim.servers
    assert play.now() < claim.until < play.now() + 30 * 86_400


def test_trap_17_a_claim_is_no_row_that_readers_of_executions_see(play: Stage) -> None:
    run, claim = holding(play)
    client = play.simulator.client("dynamodb")
    rows = [
        from_item(item)
        for page in client.get_paginator("scan").paginate(TableName=TABLE)
        for item in page["Items"]
    ]
    assert {row["executionId"] for row in rows} == {claim.execution_id}
    executions = [row for row in rows if not is_rows_key(row["planId"])]
    assert [(row["dagRunId"], row["status"]) for row in executions] == [(run.dag_run.run_id, "PAUSED")]
    assert all("status" not in row for row in rows if is_rows_key(row["planId"]))

    history = DynamoDbHistory(client, TABLE)
    seen = [record["executionId"] for status in ExecutionStatus for record in history.by_status(status)]
    assert seen == [record["executionId"] for record in history.by_plan("small")] == [claim.execution_id]


@pytest.mark.parametrize("how", ["its run is deleted", "its time is over"])
def test_trap_17_a_claim_does_not_outlive_its_owner(play: Stage, sweeps: Sweeps, how: str) -> None:
    """And the record of its owner is closed by the sweeper, not left open beside the next execution's."""
    run, claim = holding(play)
    sweeps.know(plan())
    if how == "its run is deleted":
        sweeps.delete(run)
    else:
        play.simulator.advance(claim.until - play.now() + 1)
    second = play.drill(plan())
    assert second.states[keys.PREPARE] == "success", second.rows[keys.PREPARE].error
    if how == "its run is deleted":
        play.simulator.advance(3600)
        sweeps.sweep()
        assert play.stored(claim.execution_id, "small")["status"] == "CANCELLED"
