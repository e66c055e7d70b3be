"""Records of ended executions, for the tests of reports."""

from __future__ import annotations

from typing import Any

from drs_provider.core.states import ExecutionStatus, ExecutionType
from drs_provider.rules.record.merging import apply_wave_result, close_attempt, new_attempt, with_report
from drs_provider.rules.record.schema import ExecutionRecord
from tests.history.world import T0, launched_rows, record_of


def wave_done(
    record: ExecutionRecord, number: int, *, status: str = "COMPLETED", rows: Any = None, **fields: Any
) -> ExecutionRecord:
    job: dict[str, Any] = {
        "jobId": f"drsjob-{number:017d}",
        "status": "COMPLETED",
        "attempt": record["attempt"],
        "startTime": T0 + number * 600,
        "endTime": T0 + number * 600 + 533,
    }
    result = {
        "waveNumber": number,
        "status": status,
        "startTime": T0 + number * 600,
        "endTime": T0 + number * 600 + 533,
        "jobs": [job],
        "serverStatuses": launched_rows(record, number) if rows is None else rows,
    }
    return apply_wave_result(record, result | fields)


def finished_drill(**changes: Any) -> ExecutionRecord:
    """A three-wave drill that went well, with a gate of 4 minutes and a hold of 20."""
    record = record_of(**changes)
    record = wave_done(record, 1)
    gate = {
        "armedBy": "plan",
        "message": "Check the database first.",
        "openedAt": T0 + 1133,
        "closedAt": T0 + 1373 - 200,
        "outcome": "approved",
        "responses": [
            {
                "decision": "approve",
                "respondedBy": "dr-approver-1",
                "respondedAt": T0 + 1173,
                "comment": "Row counts agree.",
            }
        ],
    }
    record = wave_done(record, 2, gate=gate)
    record = wave_done(record, 3)
    hold: dict[str, Any] = {
        "armedBy": "hold",
        "openedAt": T0 + 2340,
        "closedAt": T0 + 3540,
        "outcome": "passed",
        "responses": [{"decision": "passed", "respondedBy": "dr-lead", "respondedAt": T0 + 3540}],
    }
    record["hold"] = hold  # type: ignore[typeddict-item]
    return close_attempt(
        record,
        ExecutionStatus.COMPLETED,
        ended_at=T0 + 3700,
        verdict={"result": "passed", "by": "dr-lead", "at": T0 + 3540, "notes": "Orders could be entered."},
        cleanup={
            "action": "terminated",
            "instances": 8,
            "remaining": [],
            "jobs": ["drsjob-00000000000000009"],
        },
    )


def failed_recovery() -> ExecutionRecord:
    """The second attempt of a recovery, in which the application wave failed again."""
    record = record_of(
        execution_type=ExecutionType.RECOVERY,
        incident_time=T0 - 2700,
        reason="Fire in the primary data centre",
        ticket="INC-20881",
        overrides=({"what": "replication lag of erp-app-1", "by": "dr-lead", "why": "the source is lost"},),
    )
    record = wave_done(record, 1)
    record = wave_done(record, 2, status="FAILED", errorMessage="critical server erp-2-1: no capacity")
    record = close_attempt(record, ExecutionStatus.PARTIAL, ended_at=T0 + 1800, error_message="wave 2 failed")
    record = with_report(record, 1, uri="file:///reports/report-1.json", sha256="5e" * 32)
    record = new_attempt(record, 2, T0 + 4000)
    rows = launched_rows(record, 2)
    rows[0]["launchStatus"] = "FAILED"
    rows[0]["error"] = (
        "LAUNCH_FAILED: InsufficientInstanceCapacity: there is no m6i.large capacity in eu-west-1a"
    )
    for name in ("instanceId", "privateIp", "hostname", "launchTime", "launchedTime", "recoveryInstanceId"):
        del rows[0][name]  # type: ignore[misc]
    rows[2]["error"] = "the instance i-00020000000000003 does not exist in EC2"
    rows[2]["critical"] = False
    record = wave_done(
        record,
        2,
        status="FAILED",
        rows=rows,
        startTime=T0 + 4060,
        endTime=T0 + 4593,
        errorMessage="wave 2 (application) failed: critical server erp-2-1: no capacity",
    )
    record = apply_wave_result(
        record, {"waveNumber": 3, "status": "CANCELLED", "errorMessage": "an earlier wave failed"}
    )
    return close_attempt(
        record,
        ExecutionStatus.PARTIAL,
        ended_at=T0 + 4700,
        error_message="wave 2 (application) failed: critical server erp-2-1 (s-00020000000000001): no capacity",
    )
