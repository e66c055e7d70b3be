"""Airflows that keep the default ``[drs] deployment_id`` and share a table: what may be another's is not touched."""

from __future__ import annotations

import pytest

from drs_provider.core.states import ExecutionStatus
from drs_provider.history.store import DynamoDbHistory
from tests.harness.plan_run import PlanRun
from tests.harness.stage import TABLE, Stage
from tests.harness.sweeps import Sweeps, sweeps

__all__ = ["sweeps"]

pytestmark = pytest.mark.usefixtures("default_id")
OLD = 13 * 3600.0


@pytest.fixture
def default_id(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every Airflow of the test keep the default."""
    monkeypatch.setenv("AIRFLOW__DRS__DEPLOYMENT_ID", "airflow")


def held(play: Stage) -> PlanRun:
    """Return a drill of wiki that waits at its hold."""

    run = play.plan_run("wiki").approve_everything()
    run.go_until("hold_drill")
    return run


def by_status(play: Stage, status: str) -> int:
    table = DynamoDbHistory(play.simulator.client("dynamodb"), TABLE)
    return len(table.by_status(ExecutionStatus(status)))


def test_a_running_execution_of_another_airflow_is_only_reported(play: Stage, sweeps: Sweeps) -> None:
    sweeps.delete(held(play))  # this Airflow never had the run: the other one's drill goes on
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert sweeps.error is None
    found = {item["kind"]: item for item in report["findings"]}
    record = found["open record"]
    assert record["action"] == "left"
    assert "another Airflow's" in record["reason"]
    assert "Set [drs] deployment_id" in record["remedy"]
    assert by_status(play, "PAUSED") == 1
    instance = found["drill instance of unproven origin"]
    assert instance["action"] == "left"
    assert "[drs] deployment_id is the default" in instance["reason"]
    assert set(play.instances().values()) == {"running"}
    assert play.jobs("TERMINATE") == []


def test_a_run_of_this_airflow_is_swept_as_ever(play: Stage, sweeps: Sweeps) -> None:
    sweeps.end(held(play))
    play.simulator.advance(OLD)
    report = sweeps.sweep(terminate=True)
    assert sweeps.error is None
    actions = {(item["kind"], item["action"]) for item in report["findings"]}
    assert actions == {("orphaned record", "closed"), ("outlived drill instance", "terminated")}
    assert by_status(play, "FAILED") == 1
