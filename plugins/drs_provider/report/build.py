"""The report of an attempt as data: the record, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from drs_provider.report import figures
from drs_provider.report.critical_path import critical_path
from drs_provider.rules.record.schema import ExecutionRecord

REPORT_VERSION = 1


def build_report(
    record: ExecutionRecord,
    *,
    previous: Mapping[str, Any] | None = None,
    supersedes: str | None = None,
    findings: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the report of a record's newest attempt.

    The same record gives the same report, whenever it is built.

    :param previous: ``attempt`` and ``sha256`` of the report before; default: what the record knows
    :param supersedes: SHA-256 of an earlier report of the same attempt
    :param findings: what preflight found, worst first
    """
    own = _without_own_report(record)
    report: dict[str, Any] = {
        "reportVersion": REPORT_VERSION,
        "executionId": record["executionId"],
        "attempt": record["attempt"],
        "previousReport": dict(previous) if previous else previous_report(record),
        "supersedes": supersedes,
        "summary": figures.summary(own),
        "verdict": figures.verdict(own),
        "rto": figures.rto(own),
        "rpo": figures.rpo(own),
        "failedServers": figures.failed_servers(own),
        "gates": figures.gates(own),
        "criticalPath": critical_path(own),
        "emergencies": figures.emergencies(own),
        "waves": [figures.wave_figures(own, wave) for wave in own["waves"]],
        "preflightFindings": [dict(finding) for finding in findings] or None,
        "record": own,
    }
    return {name: value for name, value in report.items() if value is not None}


def previous_report(record: ExecutionRecord) -> dict[str, Any] | None:
    """Return ``attempt`` and ``sha256`` of the newest report of an earlier attempt, if the record has one."""
    for row in reversed(record["attempts"]):
        if row["attempt"] < record["attempt"] and "reportSha256" in row:
            return {"attempt": row["attempt"], "sha256": row["reportSha256"]}
    return None


def _without_own_report(record: ExecutionRecord) -> ExecutionRecord:
    # The report's address comes into the record after the report is written: it cannot be part of it.
    attempts = [
        {
            name: value
            for name, value in row.items()
            if name not in {"reportUri", "reportSha256", "reportError", "chainLink", "chainError"}
        }
        if row["attempt"] == record["attempt"]
        else row
        for row in record["attempts"]
    ]
    return cast("ExecutionRecord", {**record, "attempts": attempts})


def report_json(report: Mapping[str, Any]) -> str:
    """Return the report as a file's text: sorted keys, so that equal reports are equal files.

    :raises ValueError: if the report holds NaN or an infinity
    """
    plain = _plain_numbers(report)
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _plain_numbers(value: Any) -> Any:
    """Return the same data with whole numbers as integers, as they come back from the history table."""
    if isinstance(value, Mapping):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
