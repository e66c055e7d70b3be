"""The verb that fetches reports."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drs_provider import keys
from drs_provider.cli.api import Api
from drs_provider.cli.executions import Execution
from drs_provider.cli.exit_codes import CliError, ExitCode
from drs_provider.cli.login import login_of
from drs_provider.cli.texts import command


def report(arguments: argparse.Namespace) -> ExitCode:
    """Print or save the report of the newest attempt that has ended.

    It is made from the record that Airflow holds, so it needs no access to the place where reports are kept; its
    SHA-256 tells whether it is the very report that was written there.
    """
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run)
        record = execution.record(execution.tasks())
        findings = (execution.xcom(keys.PREPARE, keys.PREFLIGHT) or {}).get("findings") or []
    if record is None:
        if not execution.ended:
            remedy = f"wait for its end: {command('watch', execution.name)}"
            raise CliError(f"{execution.name} has not ended", remedy, ExitCode.CONFLICT)
        raise CliError(f"{execution.name} has no report: it was no execution", "", ExitCode.NOT_FOUND)
    text, sha256 = _made(record, findings, arguments.format)
    stored = _stored(record)
    if arguments.output:
        _save(Path(arguments.output), text)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
    print(_origin(record, stored, sha256), file=sys.stderr)
    return ExitCode.OK


def _made(record: Mapping[str, Any], findings: Sequence[Mapping[str, Any]], form: str) -> tuple[str, str]:
    from drs_provider.report.build import build_report, report_json
    from drs_provider.report.page import report_html

    built = build_report(record, findings=findings)  # type: ignore[arg-type]
    as_json = report_json(built)
    sha256 = hashlib.sha256(as_json.encode("utf-8", "backslashreplace")).hexdigest()
    return (as_json if form == "json" else report_html(built, sha256=sha256)), sha256


def _stored(record: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = [row for row in record["attempts"] if row["attempt"] == record["attempt"]]
    return rows[-1] if rows else {}


def _origin(record: Mapping[str, Any], stored: Mapping[str, Any], sha256: str) -> str:
    uri = stored.get("reportUri")
    if uri is None:
        return f"attempt {record['attempt']}; no report was stored when it ended"
    if stored.get("reportSha256") == sha256:
        return f"attempt {record['attempt']}; the same as {uri} (sha256 {sha256})"
    return f"attempt {record['attempt']}; not the same as the stored report, which holds every server: {uri}"


def _save(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise CliError(
            f"the report cannot be written to {file}: {error.strerror}", "", ExitCode.ERROR
        ) from error
    print(f"wrote {file}", file=sys.stderr)
