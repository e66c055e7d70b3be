"""What a link says of the document that it adds, so that history needs to read the chain only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drs_provider.rules.record.schema import without_empty


def report_facts(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a report: what was run, when, and how it ended."""
    record, rto = report["record"], report["rto"]
    return without_empty(
        {
            "attempt": report["attempt"],
            "planName": record.get("planName"),
            "planHash": record.get("planHash"),
            "executionType": record["executionType"],
            "status": record["status"],
            "startTime": record["startTime"],
            "endTime": record.get("endTime"),
            "drillResult": (report.get("verdict") or {}).get("result"),
            "rtoSeconds": rto["usedSeconds"],
            "rtoMet": rto.get("met"),
            "simulatedBy": record.get("simulatedBy"),
        }
    )


def statement_facts(statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a statement: who made it, when, and of what."""
    return without_empty(
        {name: statement.get(name) for name in ("by", "at", "finding", "owner", "due", "result")}
    )
