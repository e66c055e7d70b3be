"""The verb that fetches reports."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import command, one_line
from drs_provider.cli.airflow_api.login import login_of


def report(arguments: argparse.Namespace) -> ExitCode:
    """Print or save the report of the newest attempt that has ended.

    It is made from the record that Airflow holds, so it needs no access to the place where reports are kept. The stored
    file is read if it can be, and what was seen of it is said: the same, another one, changed, missing, unreadable.
    ``report verify`` proves all that is stored.
    """
    if arguments.run == "verify":
        from drs_provider.cli.commands.evidence import verify

        arguments.output = "table"
        return verify(arguments)
    with Api(login_of(arguments)) as api:
        execution = Execution.find(api, arguments.run)
        record = execution.record(execution.tasks())
        findings = execution.facts(keys.PREPARE, keys.PREFLIGHT).get("findings") or []
    if record is None:
        if not execution.ended:
            remedy = f"wait for its end: {command('watch', execution.name)}"
            raise RefusedError(f"{execution.name} has not ended", remedy, ExitCode.CONFLICT)
        raise RefusedError(f"{execution.name} has no report: it was no execution", "", ExitCode.NOT_FOUND)
    text, sha256 = _made(record, findings, arguments.format)
    stored = _stored(record)
    if arguments.output:
        _save(Path(arguments.output), text)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
    print(one_line(_origin(record, stored, sha256)), file=sys.stderr)
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
    attempt, uri = f"attempt {record['attempt']}", stored.get("reportUri")
    if uri is None:
        why = stored.get("reportError")
        return f"{attempt}; no report was stored when it ended{f': {why}' if why else ''}"
    from drs_provider.report.files import look_at

    recorded, found = stored.get("reportSha256"), look_at(uri)
    if found.problem is not None:
        return f"{attempt}; the stored report {uri} cannot be read from here: {found.problem}"
    if found.sha256 is None:
        return f"{attempt}; there is no file {uri}, as seen from here; it was written with sha256 {recorded}"
    if found.sha256 != recorded:
        return (
            f"{attempt}; WARNING: the stored report {uri} was changed: it was written with sha256 {recorded}, "
            f"its file has {found.sha256}"
        )
    if recorded == sha256:
        return f"{attempt}; the same as the stored report {uri}, which was read (sha256 {sha256})"
    return (
        f"{attempt}; not the same as the stored report {uri}, which was read and is as it was written: it holds "
        f"every server (sha256 {recorded})"
    )


def _save(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise RefusedError(
            f"the report cannot be written to {file}: {error.strerror}", "", ExitCode.ERROR
        ) from error
    print(f"wrote {file}", file=sys.stderr)
