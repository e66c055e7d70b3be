"""The data points of an ended execution."""

from __future__ import annotations

from typing import Any

from drs_provider.core.states import ExecutionStatus
from drs_provider.report import figures
from drs_provider.rules.record.merging import apply_wave_result, close_attempt
from drs_provider.rules.record.metrics import Metric, execution_metrics
from tests.history.world import T0, launched_rows, record_of

OWN = (("PlanName", "erp_three_tier"), ("ExecutionType", "DRILL"))


def ended(record: Any, status: ExecutionStatus, **fields: Any) -> Any:
    return close_attempt(record, status, ended_at=T0 + 4000, **fields)


def with_wave(record: Any, number: int, status: str, rows: Any) -> Any:
    result = {
        "waveNumber": number,
        "attempt": record["attempt"],
        "status": status,
        "startTime": T0 + number * 600,
        "endTime": T0 + number * 600 + 533,
        "serverStatuses": rows,
    }
    return apply_wave_result(record, result)


def points(record: Any) -> dict[tuple[str, str], Metric]:
    """Return the data points by name and wave."""
    found = execution_metrics(record, rto=figures.rto(record), rpo=figures.rpo(record))
    keyed = {(metric.name, dict(metric.dimensions).get("WaveName", "")): metric for metric in found}
    assert len(keyed) == len(found)
    return keyed


def test_a_completed_execution() -> None:
    record = record_of()
    for number in (1, 2, 3):
        record = with_wave(record, number, "COMPLETED", launched_rows(record, number))
    found = points(ended(record, ExecutionStatus.COMPLETED))
    values = {key: (metric.value, metric.unit) for key, metric in found.items()}
    assert values == {
        ("Executions", ""): (1, "Count"),
        ("ExecutionDuration", ""): (4000, "Seconds"),
        ("WaitingDuration", ""): (0, "Seconds"),
        ("RtoUsed", ""): (3 * 600 + 533 + 10, "Seconds"),
        ("RtoUsedPercent", ""): (32.5, "Percent"),
        ("RpoWorst", ""): values["RpoWorst", ""],
        ("ServerLaunchSuccess", ""): (8, "Count"),
        ("ServerLaunchFailure", ""): (0, "Count"),
        ("WaveDuration", "database"): (533, "Seconds"),
        ("ServerLaunchSuccess", "database"): (2, "Count"),
        ("ServerLaunchFailure", "database"): (0, "Count"),
        ("WaveDuration", "application"): (533, "Seconds"),
        ("ServerLaunchSuccess", "application"): (3, "Count"),
        ("ServerLaunchFailure", "application"): (0, "Count"),
        ("WaveDuration", "web"): (533, "Seconds"),
        ("ServerLaunchSuccess", "web"): (3, "Count"),
        ("ServerLaunchFailure", "web"): (0, "Count"),
    }
    assert values["RpoWorst", ""][0] > 300
    assert found["Executions", ""].dimensions == (*OWN, ("Status", "COMPLETED"))
    assert found["ExecutionDuration", ""].dimensions == OWN
    assert found["WaveDuration", "web"].dimensions == (*OWN, ("WaveName", "web"))


def test_a_failed_wave_counts_its_servers_and_waves_that_never_began_count_none() -> None:
    record = record_of()
    rows = launched_rows(record, 1)
    rows[1] = {**rows[1], "launchStatus": "FAILED"}
    found = points(ended(with_wave(record, 1, "FAILED", rows), ExecutionStatus.FAILED))
    assert found["ServerLaunchSuccess", ""].value == 1
    assert found["ServerLaunchFailure", "database"].value == 1
    assert {wave for _, wave in found} == {"", "database"}
    assert dict(found["Executions", ""].dimensions)["Status"] == "FAILED"


def test_an_execution_that_never_recovered_anything_has_no_recovery_time() -> None:
    found = points(ended(record_of(), ExecutionStatus.CANCELLED))
    assert {name for name, _ in found} == {"Executions", "ExecutionDuration", "WaitingDuration"}


def test_without_an_objective_there_is_no_share_of_it() -> None:
    record = record_of(objectives={})
    record = with_wave(record, 1, "COMPLETED", launched_rows(record, 1))
    found = points(ended(record, ExecutionStatus.PARTIAL))
    assert ("RtoUsed", "") in found
    assert ("RtoUsedPercent", "") not in found


def test_trap_35_a_wave_of_an_earlier_attempt_is_not_counted_again() -> None:
    record = record_of(attempt=2)
    record = with_wave(record, 2, "COMPLETED", launched_rows(record, 2))
    record["waves"][0] = {**record["waves"][0], "status": "COMPLETED", "attempt": 1, "endTime": T0 + 5}
    assert {wave for _, wave in points(ended(record, ExecutionStatus.COMPLETED))} == {"", "application"}
