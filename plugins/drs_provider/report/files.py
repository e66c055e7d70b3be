"""Report files in Airflow's object storage: written once, each attempt's report naming the one before."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import ObjectStoragePath

from drs_provider.core.texts import cause
from drs_provider.report.build import build_report, previous_report, report_json
from drs_provider.report.page import report_html
from drs_provider.rules.record.schema import ExecutionRecord
from drs_provider.storage import folder_of

log = logging.getLogger(__name__)

_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MOST_SUCCESSORS = 1000


class ReportNotWrittenError(OSError):
    """The place for reports cannot be written; the message says why."""


@dataclass(frozen=True)
class WrittenReport:
    """Where an attempt's report is.

    :param sha256: of the JSON file
    :param path: of the JSON file below the place for reports
    :param created: False if the same report was there already
    """

    json_uri: str
    html_uri: str
    sha256: str
    path: str
    created: bool


def write_report(
    record: ExecutionRecord, reports_path: str, *, findings: Sequence[Mapping[str, Any]] = ()
) -> WrittenReport:
    """Write the report of a record's newest attempt as JSON and HTML.

    The files are ``<planId>/<executionId>/report-<attempt>.json`` and ``.html``. A file is never
    overwritten: the same report is left as it is, another one becomes ``report-<attempt>.2.json``, which
    names what it supersedes.

    :param reports_path: folder URL of Airflow's object storage (``file://``, ``s3://conn@bucket/``)
    :param findings: what preflight found, worst first
    :raises ReportNotWrittenError: if the storage fails, in whatever way: the end of an execution does not hang on it
    :raises ValueError: if the plan's or the execution's id cannot be a folder's name
    """
    parts = (record["planId"], record["executionId"])
    for name in parts:
        if not _SAFE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a folder")
    try:
        folder = folder_of(reports_path) / parts[0] / parts[1]
    except FileNotFoundError as error:
        raise ReportNotWrittenError(str(error)) from error
    except (ImportError, ValueError) as error:
        raise ReportNotWrittenError(f"{reports_path} is no folder of an object storage: {error}") from error
    try:
        return _write(record, folder, findings)
    except ReportNotWrittenError:
        raise
    except Exception as error:  # of a storage's credentials also ValueError, RuntimeError, EOFError
        raise ReportNotWrittenError(f"no report below {reports_path}: {error}") from error


@dataclass(frozen=True)
class StoredFile:
    """What is seen of a stored report from here.

    :param sha256: of the file's content; None if there is no file, or if it cannot be read
    :param problem: why it cannot be read; None if it was read, or if it is not there
    """

    sha256: str | None = None
    problem: str | None = None


def look_at(uri: str) -> StoredFile:
    """Read a stored report; this machine may see another place than the worker that wrote it."""
    try:
        content = ObjectStoragePath(uri).read_bytes()
    except FileNotFoundError:
        return StoredFile()
    except Exception as error:  # what a storage's credentials end in is anybody's guess
        return StoredFile(problem=cause(f"{type(error).__name__}: {error}"))
    return StoredFile(hashlib.sha256(content).hexdigest())


def _write(
    record: ExecutionRecord, folder: ObjectStoragePath, findings: Sequence[Mapping[str, Any]]
) -> WrittenReport:
    attempt = record["attempt"]
    previous = previous_report(record) or _previous_file(folder, attempt)
    supersedes: str | None = None
    for name in _names(attempt):
        report = build_report(record, previous=previous, supersedes=supersedes, findings=findings)
        content = report_json(report).encode("utf-8", "backslashreplace")
        sha256 = hashlib.sha256(content).hexdigest()
        path = folder / f"{name}.json"
        created = not path.exists()
        if not created:
            existing = hashlib.sha256(path.read_bytes()).hexdigest()
            if existing != sha256:
                supersedes = existing
                continue
        else:
            _write_once(folder, path, content)
        page = folder / f"{name}.html"
        if not page.exists():
            html = report_html(report, sha256=sha256)
            _write_once(folder, page, html.encode("utf-8", "backslashreplace"))
        where = f"{record['planId']}/{record['executionId']}/{path.name}"
        return WrittenReport(str(path), str(page), sha256, where, created)
    raise ReportNotWrittenError(f"there are {_MOST_SUCCESSORS} reports of attempt {attempt} in {folder}")


def _names(attempt: int) -> Iterator[str]:
    yield f"report-{attempt}"
    for successor in range(2, _MOST_SUCCESSORS + 1):
        yield f"report-{attempt}.{successor}"


def _write_once(folder: ObjectStoragePath, path: ObjectStoragePath, content: bytes) -> None:
    # Object stores have no folders, and asking one for a folder may ask it for a bucket.
    if path.protocol in {"", "file", "local"}:
        folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    log.info("Wrote %s (%d bytes)", path, len(content))


def _previous_file(folder: ObjectStoragePath, attempt: int) -> dict[str, Any] | None:
    """Return the newest earlier report in the folder, for records that do not know it (no history)."""
    for earlier in range(attempt - 1, 0, -1):
        newest: ObjectStoragePath | None = None
        for name in _names(earlier):
            path = folder / f"{name}.json"
            if not path.exists():
                break
            newest = path
        if newest is not None:
            return {"attempt": earlier, "sha256": hashlib.sha256(newest.read_bytes()).hexdigest()}
    return None
