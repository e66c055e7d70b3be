"""A wave's result as an XCom: the wave's record fields, its server rows in pieces if there are many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.runtime.run import RunView

ROWS_PER_XCOM = 200
#: What a result says beside the wave's record fields, for gates and messages.
SUMMARY_FIELDS = ("serversTotal", "serversRecovered", "failedServers", "skippedByDecision", "rowsApart")


def row_chunks(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return server rows in pieces that an XCom holds well, by XCom key."""
    return {
        keys.server_rows_key(number): list(rows[at : at + ROWS_PER_XCOM])
        for number, at in enumerate(range(0, len(rows), ROWS_PER_XCOM))
    }


def pull_rows(view: RunView, task_id: str) -> list[dict[str, Any]]:
    """Return the server rows that a task wrote in pieces."""
    rows: list[dict[str, Any]] = []
    number = 0
    while chunk := view.pull(task_id, keys.server_rows_key(number)):
        rows += chunk
        number += 1
    return rows


def push_result(view: RunView, result: dict[str, Any]) -> None:
    """Write the running task's wave result."""
    rows = result.get("serverStatuses", [])
    if len(rows) <= ROWS_PER_XCOM:
        view.push(keys.WAVE_RESULT, result)
        return
    for key, chunk in row_chunks(rows).items():
        view.push(key, chunk)
    head = {name: value for name, value in result.items() if name != "serverStatuses"}
    view.push(keys.WAVE_RESULT, {**head, "rowsApart": True})


def pull_result(view: RunView, task_id: str) -> dict[str, Any] | None:
    """Return the wave result that a task wrote, or None."""
    result = view.pull(task_id, keys.WAVE_RESULT)
    if not result:
        return None
    rows = {"serverStatuses": pull_rows(view, task_id)} if result.get("rowsApart") else {}
    return {**result, **rows}


def record_fields(result: dict[str, Any]) -> dict[str, Any]:
    """Return what of a result belongs into the wave's record."""
    return {name: value for name, value in result.items() if name not in SUMMARY_FIELDS}
