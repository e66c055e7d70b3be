"""Metrics of executions reach CloudWatch, over HTTP; and change nothing where they do not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.plan_run import PlanRun
from tests.harness.plans import WIKI, plan
from tests.harness.stage import ACCOUNT, REGION, Stage

NAMESPACE = "DRS-Orchestration"


@pytest.fixture
def switched_on(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"connection": "aws_dr", "account_id": ACCOUNT, "region": REGION}
    for name, value in options.items():
        monkeypatch.setenv(f"AIRFLOW__DRS__METRICS_{name.upper()}", value)


def wiki(play: Stage) -> PlanRun:
    return play.drill(plan({"name": "everything", "servers": WIKI}, objectives={"rto_minutes": 120}))


def sums(play: Stage, name: str, **dimensions: str) -> list[float]:
    """Return what CloudWatch holds of a metric of the plan's drills."""
    return statistics(play, name, "Sum", dimensions)


def values(play: Stage, name: str, **dimensions: str) -> list[float]:
    """Return the greatest value; moto counts a data point for every subset of its dimensions."""
    return statistics(play, name, "Maximum", dimensions)


def statistics(play: Stage, name: str, statistic: str, dimensions: dict[str, str]) -> list[float]:
    own = {"PlanName": "small", "ExecutionType": "DRILL", **dimensions}
    now = play.now()
    answer = play.simulator.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in own.items()],
        StartTime=now - 86_400,
        EndTime=now + 86_400,
        Period=3600,
        Statistics=[statistic],
    )
    return [point[statistic] for point in answer["Datapoints"]]


def test_a_drill_is_measured_as_a_whole_and_by_wave(play: Stage, switched_on: None) -> None:
    run = wiki(play)
    assert run.record["status"] == "COMPLETED"
    assert sums(play, "Executions", Status="COMPLETED") == [1.0]
    assert sums(play, "ExecutionDuration") == [pytest.approx(run.stored["durationSeconds"])]
    assert values(play, "ServerLaunchSuccess") == [2.0]
    assert values(play, "ServerLaunchSuccess", WaveName="everything") == [2.0]
    assert sums(play, "ServerLaunchFailure") == [0.0]
    (used,) = sums(play, "RtoUsed")
    assert sums(play, "RtoUsedPercent") == [pytest.approx(100 * used / 7200, abs=0.05)]
    assert sums(play, "WaveDuration", WaveName="everything")[0] > 300
    (told,) = play.events("metricsSent")
    assert told["namespace"] == NAMESPACE
    assert told["count"] == 11


def test_a_retry_of_finalize_does_not_count_twice(play: Stage, switched_on: None) -> None:
    play.kill_worker("PutMetricData", after=False, times=1)
    run = wiki(play)
    assert run.record["status"] == "COMPLETED"
    assert sums(play, "Executions", Status="COMPLETED") == [1.0]
    run.clear("finalize")
    run.go()
    assert sum(sums(play, "Executions", Status="COMPLETED")) == len(run.stored["attempts"])


def test_a_refused_run_is_counted(play: Stage, switched_on: None) -> None:
    run = play.plan_run(plan({"name": "everything", "servers": WIKI}), {"waves": ["nowhere"]})
    assert run.go() == "failed"
    assert sums(play, "Executions", Status="FAILED") == [1.0]


@pytest.mark.parametrize(
    "fault", [{"kind": "error", "code": "AccessDenied", "status": 403}, {"kind": "raw", "status": 503}]
)
def test_trap_30_metrics_that_fail_change_nothing(
    play: Stage, switched_on: None, fault: dict[str, Any]
) -> None:
    play.simulator.inject("PutMetricData", service="*", **fault)
    run = wiki(play)
    assert (run.states["finalize"], run.stored["status"]) == ("success", "COMPLETED")
    (told,) = play.events("metricsFailed")
    assert told["error"]
    assert run.xcom("finalize", "metrics_failure") == told["error"]
    assert not play.events("metricsSent")


def test_incomplete_settings_change_nothing(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__METRICS_CONNECTION", "aws_dr")
    assert wiki(play).stored["status"] == "COMPLETED"
    assert "metrics_* settings" in play.events("metricsFailed")[0]["error"]


def test_nothing_is_sent_by_default(play: Stage) -> None:
    wiki(play)
    assert "PutMetricData" not in {call.operation for call in play.simulator.calls(service="*")}
