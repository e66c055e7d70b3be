"""What people state about an execution: findings, their closing, sign-offs, notes. Each is a document of its own.

A statement is the file ``<plan>/<execution>/statement-<number>.json``. It is never changed: a finding is closed by
another statement that names its number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from drs_provider.evidence.conf import RESULTS
from drs_provider.evidence.links import FINDING, FINDING_CLOSED, SIGN_OFF, STATEMENTS
from drs_provider.evidence.store import EvidenceStore, EvidenceStoreError
from drs_provider.rules.record.schema import without_empty

STATEMENT_VERSION = 1
_NAME = re.compile(r"statement-([1-9][0-9]*)\.json")
_REPORT = re.compile(r"report-[0-9.]+\.json")
_TRIES = 100


class StatementError(ValueError):
    """A statement cannot be made; the message says what is missing."""


def numbers(store: EvidenceStore, folder: str) -> list[int]:
    """Return the numbers of an execution's statements."""
    names = (path.removeprefix(f"{folder}/") for path in store.paths(folder))
    return sorted(int(found[1]) for found in map(_NAME.fullmatch, names) if found)


def statements_of(store: EvidenceStore, folder: str) -> list[dict[str, Any]]:
    """Return an execution's statements by number.

    :raises EvidenceStoreError: if the store cannot be read
    """
    contents = store.read_all(f"{folder}/statement-{number}.json" for number in numbers(store, folder))
    return sorted((json.loads(content) for content in contents.values()), key=lambda said: said["number"])


def has_report(store: EvidenceStore, folder: str) -> bool:
    """Tell whether an execution has a report in the store."""
    return any(_REPORT.fullmatch(path.removeprefix(f"{folder}/")) for path in store.paths(folder))


def statement(
    kind: str,
    *,
    plan_id: str,
    execution_id: str,
    by: str,
    at: float,
    text: str,
    owner: str = "",
    due: str = "",
    finding: int | None = None,
    result: str = "",
    run: str = "",
) -> dict[str, Any]:
    """Return a statement without its number.

    :param by: the login that Airflow has authenticated
    :param at: epoch seconds
    :param owner: of a finding: who deals with it
    :param due: of a finding: until when, ``YYYY-MM-DD``
    :param finding: number of the finding that is closed
    :param result: of a sign-off: ``passed`` or ``failed``
    :param run: the run of the DAG that writes it
    :raises StatementError: naming the field that is missing, or that this kind does not have
    """
    given = {"owner": owner, "due": due, "finding": finding, "result": result}
    needed = {FINDING: {"owner", "due"}, FINDING_CLOSED: {"finding"}, SIGN_OFF: {"result"}}.get(kind, set())
    if kind not in STATEMENTS:
        raise StatementError(f"kind must be one of {', '.join(STATEMENTS)}, not {kind!r}")
    if not text.strip():
        raise StatementError(f"a {_said(kind)} needs a text")
    if missing := sorted(name for name in needed if not given[name]):
        raise StatementError(f"a {_said(kind)} needs {' and '.join(missing)}")
    if foreign := sorted(name for name, value in given.items() if value and name not in needed):
        raise StatementError(f"a {_said(kind)} has no {' and no '.join(foreign)}")
    if result and result not in RESULTS:
        raise StatementError(f"the result of a sign-off is one of {', '.join(RESULTS)}, not {result!r}")
    fields = {
        "statementVersion": STATEMENT_VERSION,
        "kind": kind,
        "planId": plan_id,
        "executionId": execution_id,
        "by": by,
        "at": at,
        "text": text,
        "run": run or None,
        **{name: value or None for name, value in given.items()},
    }
    return without_empty(fields)


def _said(kind: str) -> str:
    return {FINDING_CLOSED: "closing of a finding", SIGN_OFF: "sign-off"}.get(kind, kind)


def statement_bytes(content: Mapping[str, Any]) -> bytes:
    """Return a statement as a file's content."""
    return (
        json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    ).encode()


def write_statement(store: EvidenceStore, content: Mapping[str, Any]) -> tuple[str, bytes]:
    """Write a statement under the next number; return its path and what was written.

    :raises StatementError: if it closes a finding that there is not
    :raises EvidenceStoreError: if the store cannot be read or written
    """
    folder = f"{content['planId']}/{content['executionId']}"
    for _ in range(_TRIES):
        taken = numbers(store, folder)
        if content["kind"] == FINDING_CLOSED:
            _require_finding(store, folder, content["finding"], taken)
        number = max(taken, default=0) + 1
        written = statement_bytes({**content, "number": number})
        path = f"{folder}/statement-{number}.json"
        if store.create(path, written):
            return path, written
    raise EvidenceStoreError(f"others were faster {_TRIES} times in adding to {store.url}/{folder}")


def _require_finding(store: EvidenceStore, folder: str, number: int, taken: list[int]) -> None:
    if number not in taken or json.loads(store.read(f"{folder}/statement-{number}.json"))["kind"] != FINDING:
        raise StatementError(f"statement {number} of {folder} is no finding, so it cannot be closed")
